//! The broker under test, and how a command is run against it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a broker may take to serve.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A broker, stopped when the test is over, or one that somebody else runs.
pub(crate) struct Broker {
    bootstrap: String,
    /// Keeps the names of one test apart from those of the others.
    prefix: String,
    own: Option<(Child, tempfile::TempDir)>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a command did.
pub(crate) struct Ran {
    command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Broker {
    pub(crate) fn start(test: &str) -> Self {
        let prefix = format!("{test}-{}", std::process::id());
        if let Ok(bootstrap) = std::env::var("HIGHWATER_TEST_BOOTSTRAP") {
            return Self {
                bootstrap,
                prefix,
                own: None,
            };
        }
        let dir = tempfile::tempdir().unwrap();
        let bootstrap = format!("127.0.0.1:{}", free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .arg("broker")
            .args(["--set", &format!("listeners=PLAINTEXT://{bootstrap}")])
            .args([
                "--set",
                &format!("log.dirs={}", dir.path().join("data").display()),
            ])
            .args([
                "--set",
                &format!("admin.listener=127.0.0.1:{}", free_port()),
            ])
            .args(["--set", "group.initial.rebalance.delay.ms=0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut broker = Self {
            bootstrap,
            prefix,
            own: Some((child, dir)),
        };
        broker.await_service();
        broker
    }

    /// Asks until it answers; a broker that ends instead has said why on standard error.
    fn await_service(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        while self.run(&["cluster", "info"]).code != 0 {
            let Some((child, _)) = &mut self.own else {
                return;
            };
            let ended = child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let _ = child.kill();
                let lines = child.stderr.take().map(BufReader::new).into_iter();
                let said: Vec<_> = lines
                    .flat_map(|lines| lines.lines().map_while(Result::ok))
                    .collect();
                panic!(
                    "the broker does not serve ({ended:?}):\n{}",
                    said.join("\n")
                );
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        // Nobody reads what it says from here on, and a full pipe would stop it.
        if let Some(stderr) = self.own.as_mut().and_then(|(child, _)| child.stderr.take()) {
            std::thread::spawn(move || BufReader::new(stderr).lines().for_each(drop));
        }
    }

    /// Stops the broker in order, and says where its data is; `None` if it is somebody else's.
    pub(crate) fn stop(&mut self) -> Option<PathBuf> {
        let (child, dir) = self.own.as_mut()?;
        let signal = Command::new("kill").arg(child.id().to_string()).status();
        assert!(signal.unwrap().success());
        assert!(child.wait().unwrap().success(), "the stop was not in order");
        Some(dir.path().join("data"))
    }

    /// A name of this test.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Runs a command with that standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        run_binary(args, input, &self.bootstrap)
    }

    /// Runs a command that has to succeed; gives what it printed.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        self.run(args).expect_code(0).stdout
    }

    /// Runs a command that has to succeed with `--format json`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--format", "json"]].concat();
        self.run(&args).expect_code(0).json()
    }
}

/// Runs the binary with a bootstrap address in the environment.
pub(crate) fn run_binary(args: &[&str], input: &[u8], bootstrap: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(args)
        .env("HIGHWATER_BOOTSTRAP_SERVER", bootstrap)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that does not read its input closes it, which is no failure here.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        command: args.join(" "),
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        let Self {
            command,
            stdout,
            stderr,
            ..
        } = &self;
        assert_eq!(
            self.code, code,
            "{command}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}:\n{}", self.stdout))
    }

    /// The one line of complaint.
    #[track_caller]
    pub(crate) fn complaint(&self) -> &str {
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{}:\n{}", self.command, self.stderr);
        lines[0].strip_prefix("highwater: ").unwrap()
    }
}

/// The shape of a JSON value: names and types, with the first element for an array.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::from("null"),
        Value::Bool(_) => Value::from("bool"),
        Value::Number(_) => Value::from("number"),
        Value::String(_) => Value::from("string"),
        Value::Array(items) => Value::Array(items.first().map(shape).into_iter().collect()),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), shape(field)))
                .collect(),
        ),
    }
}

/// Compares a shape with what is documented.
#[track_caller]
pub(crate) fn check_shape(value: &Value, expected: &Value) {
    assert_eq!(&shape(value), expected, "{value:#}");
}
