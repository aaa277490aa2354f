//! The two brokers as processes: started, stopped and killed by their id, with a folder of
//! their own that goes with them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{process::Watched, running};

/// How long a broker may take to come or to go: Kafka with 10,000
/// partitions on a busy machine takes minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Added to every port of Apache Kafka, so that one which is there already is left alone.
const KAFKA_PORT_OFFSET: u16 = 500;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours.
    Highwater,
    /// Apache Kafka.
    Kafka,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The `highwater` binary.
    pub(crate) highwater: PathBuf,
    /// The script that starts Apache Kafka, if there is one.
    pub(crate) kafka: Option<PathBuf>,
    /// Settings for Highwater over its defaults, as `key=value`.
    pub(crate) settings: Vec<String>,
}

/// A broker that may be running.
pub(crate) struct Broker {
    /// Which one.
    pub(crate) kind: Kind,
    /// Where clients find it.
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    programs: Programs,
    admin_port: u16,
    /// Of the process, while it should run.
    pid: Option<u32>,
    child: Option<Child>,
}

impl Broker {
    /// A broker with an empty folder, not started.
    pub(crate) fn new(kind: Kind, programs: &Programs, folder: PathBuf) -> Result<Self> {
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let port = match kind {
            Kind::Highwater => free_port()?,
            Kind::Kafka => 19_092 + KAFKA_PORT_OFFSET,
        };
        Ok(Self {
            kind,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            folder,
            programs: programs.clone(),
            admin_port: free_port()?,
            pid: None,
            child: None,
        })
    }

    /// The running process.
    pub(crate) fn process(&self) -> Result<Watched> {
        let pid = self.pid.context("the broker is not running")?;
        Ok(Watched { pid })
    }

    /// Starts it. Kafka formats its folder and answers when this returns; Highwater has only
    /// been launched.
    pub(crate) fn start(&mut self) -> Result<()> {
        match self.kind {
            Kind::Highwater => self.launch_highwater(),
            Kind::Kafka => {
                let mut script = self.kafka_script("start")?.spawn()?;
                running::began(&self.folder, script.id());
                let status = script.wait()?;
                running::ended(script.id());
                let pid = kafka_pid(&self.folder).context("Apache Kafka was not launched")?;
                self.has_process(pid);
                if !status.success() {
                    bail!("Apache Kafka did not start: {status}");
                }
                Ok(())
            }
        }
    }

    /// Launches it again with what is in its folder, and does not wait.
    pub(crate) fn launch_again(&mut self) -> Result<()> {
        match self.kind {
            Kind::Highwater => self.launch_highwater(),
            Kind::Kafka => {
                fs::remove_file(kafka_pid_file(&self.folder)).ok();
                let script = self.kafka_script("restart")?.spawn()?;
                running::began(&self.folder, script.id());
                self.child = Some(script);
                let deadline = Instant::now() + PATIENCE;
                while Instant::now() < deadline {
                    if let Some(pid) = kafka_pid(&self.folder) {
                        self.has_process(pid);
                        return Ok(());
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                bail!("Apache Kafka was not launched")
            }
        }
    }

    fn launch_highwater(&mut self) -> Result<()> {
        let log = fs::File::create(self.folder.join("log"))?;
        let mut command = Command::new(&self.programs.highwater);
        command.arg("broker");
        let data = self.folder.join("data");
        for setting in [
            format!("log.dirs={}", data.display()),
            format!("listeners=PLAINTEXT://{}", self.address),
            format!("admin.listener=127.0.0.1:{}", self.admin_port),
            "log.segment.delete.delay.ms=1000".to_owned(),
        ]
        .iter()
        .chain(&self.programs.settings)
        {
            command.arg("--set").arg(setting);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.programs.highwater.display()))?;
        self.has_process(child.id());
        self.child = Some(child);
        Ok(())
    }

    fn has_process(&mut self, pid: u32) {
        running::began(&self.folder, pid);
        self.pid = Some(pid);
    }

    fn kafka_script(&self, verb: &str) -> Result<Command> {
        let script = self
            .programs
            .kafka
            .as_ref()
            .context("there is no Apache Kafka here")?;
        let mut command = Command::new("bash");
        command
            .arg(script)
            .arg(verb)
            .arg(&self.folder)
            .env("KAFKA_PORT_OFFSET", KAFKA_PORT_OFFSET.to_string())
            .env("KAFKA_EXTRA", "log.segment.delete.delay.ms=1000")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.end(Signal::TERM)
    }

    /// Stops it as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let process = self.process()?;
        let pid = Pid::from_raw(i32::try_from(process.pid)?).context("not a process id")?;
        if process.is_alive() {
            kill_process(pid, signal)?;
        }
        let deadline = Instant::now() + PATIENCE;
        while process.is_alive() {
            if Instant::now() > deadline {
                bail!("process {} does not end", process.pid);
            }
            if let Some(child) = &mut self.child {
                child.try_wait()?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.pid = None;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
            running::ended(child.id());
        }
        running::ended(process.pid);
        Ok(())
    }

    /// The end of what it said, for an error.
    pub(crate) fn last_words(&self) -> String {
        let log = match self.kind {
            Kind::Highwater => self.folder.join("log"),
            Kind::Kafka => self.folder.join("node1/log"),
        };
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.pid.is_some() {
            self.kill().ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn kafka_pid_file(folder: &Path) -> PathBuf {
    folder.join("node1/pid")
}

/// The process that the script launched in a folder.
pub(crate) fn kafka_pid(folder: &Path) -> Option<u32> {
    fs::read_to_string(kafka_pid_file(folder))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
