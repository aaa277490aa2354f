//! Changes to an input of the kinds that break parsers.

/// A small generator (xorshift64*): the same seed gives the same run anywhere.
pub struct Random(u64);

impl Random {
    /// Any seed will do.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, or 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() >> 16) as usize % bound.max(1)
    }
}

/// Lengths and counts that lie: extremes of each width, and varints that do not end.
const NUMBERS: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xff],
    &[0xff, 0xfe],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x00, 0x10, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x10],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
];

/// Inputs do not grow beyond this.
const LEN_MAX: usize = 16 * 1024;

/// Changes `input` in one to four places; `other` lends bytes.
pub fn mutate(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(8) {
            0 => flip(random, input, at),
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.number() as u8;
                }
            }
            2 | 3 => overwrite(input, at, NUMBERS[random.below(NUMBERS.len())]),
            4 => input.truncate(at),
            5 => {
                let end = (at + 1 + random.below(8)).min(input.len());
                input.drain(at.min(end)..end);
            }
            6 => {
                let from = random.below(input.len());
                let end = (from + 1 + random.below(64)).min(input.len());
                let chunk = input[from..end].to_vec();
                input.splice(at..at, chunk);
            }
            _ => {
                let from = random.below(other.len());
                let end = (from + 1 + random.below(64)).min(other.len());
                overwrite(input, at, &other[from..end]);
            }
        }
    }
    input.truncate(LEN_MAX);
}

fn flip(random: &mut Random, input: &mut [u8], at: usize) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (target, byte) in input.iter_mut().skip(at).zip(bytes) {
        *target = *byte;
    }
}
