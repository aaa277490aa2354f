//! Runs the targets for a while on a stable toolchain, without coverage guidance.
//!
//! ```text
//! fuzz-briefly [--seconds N] [--iterations N] [--seed N] [--input FILE] [TARGET…]
//! ```
//!
//! An input that panics, or that allocates more than its target allows, is written to
//! `artifacts/`, named, and ends the run with exit code 1.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use highwater_fuzz::mutate::{Random, mutate};
use highwater_fuzz::{TARGETS, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

struct Options {
    seconds: u64,
    iterations: u64,
    seed: u64,
    input: Option<PathBuf>,
    targets: Vec<&'static Target>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        seconds: 10,
        iterations: u64::MAX,
        seed: 1,
        input: None,
        targets: vec![],
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is not a number"));
        match argument.as_str() {
            "--seconds" => options.seconds = number(value()?)?,
            "--iterations" => options.iterations = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--input" => options.input = Some(value()?.into()),
            name => {
                let target = TARGETS.iter().find(|target| target.name == name);
                options
                    .targets
                    .push(target.ok_or(format!("there is no target {name}"))?);
            }
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().collect();
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    for target in &options.targets {
        // What is built once, on first use, is not charged to an input.
        if let Some(seed) = (target.seeds)().first() {
            (target.run)(seed);
        }
        let outcome = match &options.input {
            Some(path) => match std::fs::read(path) {
                Ok(input) => attempt(target, &input).map(|()| 1),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
            None => fuzz(target, &options),
        };
        match outcome {
            Ok(count) => println!("{}: {count} inputs, none of them did harm", target.name),
            Err(error) => {
                eprintln!("{}: {error}", target.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Tries the seeds as they are, then mutations of mutations.
fn fuzz(target: &Target, options: &Options) -> Result<u64, String> {
    let seeds = (target.seeds)();
    if seeds.is_empty() {
        return Err("there are no seeds".to_owned());
    }
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut random = Random::new(options.seed);
    let mut count = 0;
    for seed in &seeds {
        try_and_keep(target, seed)?;
        count += 1;
    }
    while count < options.iterations && Instant::now() < end {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..8 {
            let other = &seeds[random.below(seeds.len())];
            mutate(&mut random, &mut input, other);
            try_and_keep(target, &input)?;
            count += 1;
        }
    }
    Ok(count)
}

fn try_and_keep(target: &Target, input: &[u8]) -> Result<(), String> {
    attempt(target, input).map_err(|error| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("artifacts");
        let path = folder.join(format!("{}-{}", target.name, input.len()));
        let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
        match kept {
            Ok(()) => format!("{error}; the input is {}", path.display()),
            Err(cause) => format!("{error}; the input {input:?} could not be kept: {cause}"),
        }
    })
}

fn attempt(target: &Target, input: &[u8]) -> Result<(), String> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|_| "it panicked")?;
    let used = MEMORY.peak_usage().saturating_sub(before);
    let allowed = (target.memory_bytes_max)(input.len());
    if used > allowed {
        let len = input.len();
        return Err(format!(
            "{len} bytes made it allocate {used}, more than {allowed}"
        ));
    }
    Ok(())
}
