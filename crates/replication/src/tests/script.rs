//! An interpreter of scenario scripts: one command per line, answered by what the machine says.
//!
//! ```text
//! replica 1 end=10 flushed=10 hw=8 lineage=0@0,2@5 min=2 durability=replicated
//! state at=0 leader=1 epoch=3 pe=0 replicas=1,2 isr=1,2
//! append 12 | flush 12 | start 5 | cut 6 | told 9 | refused | tick at=100 | show | restart 5
//! configure durability=fsync min=1
//! fetch at=5 from=2 end=12 flushed=12 epoch=3 | diverged epoch=1 end=7
//! produce all | ack 12 | check epoch=3 | ends epoch=2 | diverging offset=7 epoch=1 | next
//! ```

use std::collections::HashMap;
use std::fmt::Write;

use highwater_types::{BrokerId, LeaderEpoch, Now, Offset};

use crate::{
    Acks, Durability, Effect, EpochEnd, EpochEntry, EpochLineage, FollowerFetch, LogEnds,
    PartitionState, ReadFrom, Replica, ReplicaSettings,
};

/// Runs a script; each line is followed by its answers, indented.
pub(super) fn run(script: &str) -> String {
    let mut replica = None;
    let mut out = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        writeln!(out, "{line}").unwrap();
        let line = Line::parse(line);
        if line.verb == "replica" {
            replica = Some(new_replica(&line));
            continue;
        }
        let answer = perform(
            replica.as_mut().expect("a script begins with a replica"),
            &line,
        );
        for answer in answer {
            writeln!(out, "    {answer}").unwrap();
        }
    }
    out
}

struct Line<'a> {
    verb: &'a str,
    number: i64,
    word: &'a str,
    named: HashMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let (named, plain): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let word = plain.first().copied().unwrap_or_default();
        Self {
            verb,
            number: word.parse().unwrap_or(-1),
            word,
            named: named
                .iter()
                .map(|word| word.split_once('=').unwrap())
                .collect(),
        }
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.named
            .get(name)
            .map_or(default, |value| value.parse().unwrap())
    }

    fn offset(&self, name: &str) -> Offset {
        Offset(self.int(name, 0))
    }

    fn epoch(&self, name: &str) -> Option<LeaderEpoch> {
        self.named
            .get(name)
            .map(|value| LeaderEpoch(value.parse().unwrap()))
    }

    fn brokers(&self, name: &str) -> Vec<BrokerId> {
        self.named[name]
            .split(',')
            .map(|id| BrokerId(id.parse().unwrap()))
            .collect()
    }

    fn now(&self) -> Now {
        Now::at(self.int("at", 0) as u64, 0)
    }
}

fn new_replica(line: &Line<'_>) -> Replica {
    let end = line.offset("end");
    let lineage = line.named.get("lineage").copied().unwrap_or_default();
    let entries = lineage.split(',').filter_map(|entry| entry.split_once('@'));
    Replica::new(
        BrokerId(line.number as i32),
        LogEnds {
            log_start: line.offset("start"),
            log_end: end,
            flushed_end: Offset(line.int("flushed", end.get())),
        },
        line.offset("hw"),
        EpochLineage::from_entries(entries.map(|(epoch, start)| EpochEntry {
            epoch: LeaderEpoch(epoch.parse().unwrap()),
            start: Offset(start.parse().unwrap()),
        })),
        settings(line),
    )
}

fn settings(line: &Line<'_>) -> ReplicaSettings {
    ReplicaSettings {
        durability: match line.named.get("durability") {
            Some(&"replicated") => Durability::Replicated,
            _ => Durability::Fsync,
        },
        min_insync_replicas: line.int("min", 1) as u32,
        replica_lag_ms_max: 30,
    }
}

fn effects(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(|effect| format!("{effect:?}")).collect()
}

fn moved(high_watermark: Option<Offset>) -> Vec<String> {
    high_watermark
        .map(|to| format!("high watermark {to}"))
        .into_iter()
        .collect()
}

fn told<T: std::fmt::Debug, E: std::fmt::Display>(result: Result<T, E>) -> Vec<String> {
    vec![match result {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("refused: {error}"),
    }]
}

fn perform(replica: &mut Replica, line: &Line<'_>) -> Vec<String> {
    match line.verb {
        "state" => {
            let state = PartitionState {
                leader: BrokerId(line.int("leader", -1) as i32),
                leader_epoch: line.epoch("epoch").unwrap(),
                partition_epoch: line.int("pe", 0) as i32,
                replicas: line.brokers("replicas"),
                isr: line.brokers("isr"),
            };
            match replica.state_changed(line.now(), state) {
                Ok(answer) => effects(&answer),
                Err(error) => vec![format!("refused: {error}")],
            }
        }
        "append" => moved(replica.appended(Offset(line.number))),
        "flush" => moved(replica.flushed(Offset(line.number))),
        "start" => moved(replica.log_start_advanced(Offset(line.number))),
        "told" => moved(replica.leader_high_watermark(Offset(line.number))),
        "cut" => {
            replica.truncated(Offset(line.number));
            Vec::new()
        }
        "restart" => {
            replica.restarted_at(Offset(line.number));
            Vec::new()
        }
        "configure" => moved(replica.configure(settings(line))),
        "refused" => effects(&replica.proposal_refused()),
        "tick" => effects(&replica.tick(line.now())),
        "fetch" => {
            let fetch = FollowerFetch {
                log_start: line.offset("start"),
                log_end: line.offset("end"),
                flushed_end: line.named.get("flushed").map(|_| line.offset("flushed")),
                leader_epoch: line.epoch("epoch"),
            };
            let from = BrokerId(line.int("from", 0) as i32);
            match replica.follower_fetched(line.now(), from, fetch) {
                Ok(answer) => effects(&answer),
                Err(error) => vec![format!("refused: {error}")],
            }
        }
        "diverged" => effects(&replica.diverged(EpochEnd {
            epoch: line.epoch("epoch").unwrap(),
            end: line.offset("end"),
        })),
        _ => ask(replica, line),
    }
}

fn ask(replica: &Replica, line: &Line<'_>) -> Vec<String> {
    match line.verb {
        "produce" => {
            let acks = if line.word == "all" {
                Acks::All
            } else {
                Acks::Leader
            };
            told(replica.check_produce(acks))
        }
        "ack" => vec![format!(
            "{:?}",
            replica.acknowledgement(Offset(line.number))
        )],
        "check" => told(replica.check_fetch(line.epoch("epoch"), ReadFrom::Leader)),
        "ends" => told(replica.end_offset_for(
            line.epoch("epoch").unwrap(),
            line.epoch("current"),
            ReadFrom::Leader,
        )),
        "diverging" => told(replica.diverging(line.offset("offset"), line.epoch("epoch").unwrap())),
        "next" => vec![format!("{:?}", replica.next_fetch())],
        "show" => {
            let ends = replica.ends();
            let lineage: Vec<String> = replica
                .lineage()
                .iter()
                .map(|entry| format!("{}@{}", entry.epoch, entry.start))
                .collect();
            vec![format!(
                "{:?}, log {}..{} flushed {}, high watermark {}, lineage {}, low watermark {}",
                replica.role(),
                ends.log_start,
                ends.log_end,
                ends.flushed_end,
                replica.high_watermark(),
                lineage.join(","),
                replica.low_watermark(),
            )]
        }
        other => panic!("no such command: {other}"),
    }
}
