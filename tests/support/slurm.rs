//! A Slurm cluster on this machine: munged, slurmctld, and a slurmd for each node; gone when dropped.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Slurm's programs want -V, and daemons would start.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

pub struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

/// How long a cluster may take to come to something, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody listens at, below those that the kernel gives to connections: one of these could be taken by the
/// time that a daemon wants it.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 1000).expect("below 1000") * 12;
    let mut ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).expect("endless")
}

impl Cluster {
    /// Starts nodes n1 to n`count`, with `extra` in slurm.conf, and waits until all are idle, or drained already.
    pub fn start(folder: &Path, count: usize, extra: &str) -> Cluster {
        let folder = folder.join("slurm");
        fs::create_dir(&folder).expect("made");
        let mut cluster = Cluster { folder, daemons: Vec::new() };
        cluster.configure(count, extra);
        cluster.munge();
        cluster.daemon("slurmctld", "ctld", &["-D"]);
        for node in (1..=count).map(|number| format!("n{number}")) {
            cluster.daemon("slurmd", &node, &["-D", "-N", &node]);
        }
        let up = || {
            let states = cluster.told("sinfo", &["-h", "-N", "-o", "%T"]);
            states.lines().count() == count && states.lines().all(|state| ["idle", "drained"].contains(&state))
        };
        assert!(cluster.comes_to_pass(up), "{}", cluster.logs());
        cluster
    }

    fn configure(&self, count: usize, extra: &str) {
        let at = self.folder.display();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let ports: Vec<u16> = (0..=count).map(|_| port()).collect();
        let mut conf = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nCredType=cred/munge\nAuthInfo=socket={at}/munge.sock\n\
             SlurmctldPidFile={at}/ctld.pid\nSlurmdPidFile={at}/%n.pid\nStateSaveLocation={at}/state\n\
             SlurmdSpoolDir={at}/spool-%n\nSlurmctldLogFile={at}/ctld.log\nSlurmdLogFile={at}/%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             SelectType=select/linear\nMpiDefault=none\nSwitchType=switch/none\nReturnToService=0\n{extra}\n",
            ports[0]
        );
        for (number, port) in ports.iter().enumerate().skip(1) {
            conf +=
                &format!("NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1\n");
            fs::create_dir(self.folder.join(format!("spool-n{number}"))).expect("made");
        }
        conf += &format!("PartitionName=all Nodes=n[1-{count}] Default=YES State=UP\n");
        fs::create_dir(self.folder.join("state")).expect("made");
        fs::write(self.folder.join("slurm.conf"), conf).expect("written");
    }

    fn munge(&mut self) {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let mut key = File::create(self.folder.join("munge.key")).expect("made");
        let random: Vec<u8> = (0..1024).map(|number: u32| (number * 37 % 251) as u8).collect();
        key.write_all(&random).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
        key.set_permissions(mode).expect("set");
        let options =
            [("key-file", "munge.key"), ("socket", "munge.sock"), ("pid-file", "munge.pid"), ("seed-file", "seed")];
        let mut args = vec!["-F".to_owned(), "--force".to_owned(), format!("--log-file={}", at("munge.log"))];
        args.extend(options.map(|(option, file)| format!("--{option}={}", at(file))));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.daemon("munged", "munge", &args);
        let socket = self.folder.join("munge.sock");
        assert!(self.comes_to_pass(|| socket.exists()), "{}", self.logs());
    }

    fn daemon(&mut self, program: &str, name: &str, args: &[&str]) {
        let out = File::create(self.folder.join(format!("{name}.out"))).expect("made");
        let mut command = Command::new(program);
        command.args(args).envs(self.environment()).stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a file")).stderr(out);
        self.daemons.push(command.spawn().expect("starts"));
    }

    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("SLURM_CONF", self.folder.join("slurm.conf"))]
    }

    fn told(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).envs(self.environment()).output().expect("runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn scontrol(&self, args: &[&str]) -> String {
        self.told("scontrol", args)
    }

    /// `node reason` for each drained node, a line each.
    pub fn drained(&self) -> String {
        let states = self.told("sinfo", &["-h", "-N", "-o", "%N|%T|%E"]);
        let drained = states.lines().filter_map(|line| {
            let mut fields = line.split('|');
            let (node, state, reason) = (fields.next()?, fields.next()?, fields.next()?);
            state.starts_with("drain").then(|| format!("{node} {reason}\n"))
        });
        drained.collect()
    }

    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// The end of every log, for what went wrong.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(&self.folder).expect("readable").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log" || extension == "out") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                all += &format!("== {}\n{}\n", path.display(), lines[lines.len().saturating_sub(8)..].join("\n"));
            }
        }
        all
    }

    /// Whether it comes true while there is patience.
    pub fn comes_to_pass(&self, condition: impl Fn() -> bool) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if condition() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        false
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The nodes first, the key to all last.
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
