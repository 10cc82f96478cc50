//! The kinds `env`, `kernel`, `process`, `mount`, `device`, `package` and `python`, over the machine that this is.

#[path = "support/kinds.rs"]
mod kinds;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kinds::{Place, failed, has, is_root, passed, skipped, undetermined, without_rights};
use xdoctor::Run;

/// Whether a program is on PATH.
fn there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

mod env {
    use super::*;

    fn run(check: &str, vars: &[(&str, &str)]) -> Run {
        let place = Place::new();
        let mut command = place.command(check);
        command.env_remove("LD_PRELOAD").envs(vars.iter().copied());
        Run::of(command.output().expect("runs"))
    }

    #[test]
    fn set_to_what_is_wanted_passes() {
        let vars = [("XQ", "a=b c")];
        has(&passed(run("kind: env\nname: XQ", &vars)), "XQ=a=b c");
        passed(run("kind: env\nname: XQ\nequals: a=b c\nmatches: ['^a', 'c$']", &vars));
        passed(run("kind: env\nname: XQ\nset: false", &[]));
    }

    #[test]
    fn set_otherwise_or_not_at_all_fails_with_the_line_that_sets_it() {
        let vars = [("XQ", "a")];
        has(&failed(run("kind: env\nname: XQ\nequals: b c", &vars), "wrong-environment"), "export XQ='b c'");
        has(&failed(run("kind: env\nname: XQ\nequals: b", &[]), "wrong-environment"), "XQ is not set");
        has(&failed(run("kind: env\nname: XQ\nmatches: ^b", &vars), "wrong-environment"), "XQ to match ^b");
        has(&failed(run("kind: env\nname: XQ\nset: false", &vars), "wrong-environment"), "unset XQ");
    }

    #[test]
    fn an_exported_preload_is_a_warning_with_its_own_code() {
        let library = fs::canonicalize("/lib/x86_64-linux-gnu/libc.so.6").expect("a libc");
        let preload = [("LD_PRELOAD", library.to_str().expect("text"))];
        let run = run("kind: env\nname: LD_PRELOAD\nset: false", &preload).exits(0);
        let it = run.json()["steps"][0]["checks"][0].clone();
        assert_eq!((&it["status"], &it["code"]), (&"warn".into(), &"preload-leaks".into()), "{it:#}");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_printed() {
        let run = run("kind: env\nname: API_TOKEN\nmatches: ^x", &[("API_TOKEN", "hunter2")]);
        assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);
        has(&failed(run, "wrong-environment"), "(7 bytes, not shown)");
    }

    #[test]
    fn without_a_name_or_with_a_value_for_nothing_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: env"), "lacks `name`");
        has(&place.is_refused("kind: env\nname: A\nset: false\nequals: b"), "leaves no value");
        has(&place.is_refused("kind: env\nname: A=B"), "expected the name of a variable");
        has(&place.is_refused("kind: env\nname: A\nmatches: '('"), "is no regular expression");
    }
}

mod kernel {
    use super::*;

    #[test]
    fn in_the_range_wanted_passes_and_out_of_it_fails() {
        let place = Place::new();
        let release = String::from_utf8(Command::new("uname").arg("-r").output().expect("uname").stdout).expect("text");
        has(&place.passes("kind: kernel\nrelease: '>=2.6.32'"), &format!("kernel {}", release.trim()));
        let said = place.fails("kind: kernel\nrelease: '>=2.6, <3'", "wrong-version");
        has(&said, "expected a kernel >=2.6, <3");
    }

    #[test]
    fn without_a_module_fails_or_is_skipped() {
        let place = Place::new();
        let check = "kind: kernel\nmodules: no_such_module";
        has(&place.fails(check, "kernel-module-missing"), "fix modprobe no_such_module");
        has(&place.skips(&format!("{check}\nskip_if_missing: true")), "no module no_such_module");
        place.fails("kind: kernel\nparameters: {no_such_module.x: 1}", "kernel-module-missing");
    }

    #[test]
    fn has_the_parameters_that_it_shows() {
        // One that every kernel with a console has.
        if !support::require(Path::new("/sys/module/printk/parameters/time").exists(), "/sys/module/printk") {
            return;
        }
        let place = Place::new();
        has(&place.passes("kind: kernel\nmodules: printk\nparameters: {printk.time: '[YN]'}"), "printk.time=");
        has(
            &place.fails("kind: kernel\nparameters: {printk.time: maybe}", "wrong-kernel-parameter"),
            "options printk time=maybe",
        );
    }

    #[test]
    fn of_which_nothing_is_asked_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: kernel"), "asks for nothing");
        has(&place.is_refused("kind: kernel\nrelease: '6.1'"), "expected a range of versions");
        has(&place.is_refused("kind: kernel\nparameters: {amdgpu: 1}"), "expected MODULE.PARAMETER");
    }
}

mod process {
    use super::*;

    /// A process that sleeps under a name of its own until the test is over.
    struct Sleeper(Child);

    impl Sleeper {
        fn start(place: &Place, name: &str, library: Option<&Path>) -> Sleeper {
            let program = place.path(name);
            fs::copy("/bin/sleep", &program).expect("copied");
            let mut command = Command::new(program);
            command.arg("300").stdout(Stdio::null());
            if let Some(library) = library {
                command.env("LD_PRELOAD", library);
            }
            let child = command.spawn().expect("sleeps");
            let exe = format!("/proc/{}/exe", child.id());
            let maps = format!("/proc/{}/maps", child.id());
            let ready = || {
                let mapped = |library: &Path| {
                    fs::read_to_string(&maps).unwrap_or_default().contains(&library.display().to_string())
                };
                fs::read_link(&exe).is_ok_and(|file| file.ends_with(name)) && library.is_none_or(mapped)
            };
            while !ready() {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            Sleeper(child)
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn library(place: &Place) -> std::path::PathBuf {
        let (source, library) = (place.write("shim.c", "int shim;\n"), place.path("libshim.so.1"));
        let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
        assert!(status.expect("gcc").success());
        library
    }

    #[test]
    fn that_runs_is_found_and_counted() {
        let place = Place::new();
        let _sleeper = Sleeper::start(&place, "xd-sleeper-one", None);
        let pid = format!("{} (xd-sleeper-one)", _sleeper.0.id());
        has(&place.passes("kind: process\nname: xd-sleeper-one\ncount: {min: 1, max: 1}"), &pid);
        has(&place.passes(&format!("kind: process\nexe: {}", place.path("xd-sleeper-one").display())), &pid);
        has(&place.passes("kind: process\ncmdline: '*/xd-sleeper-one 300'"), &pid);
        has(&place.fails("kind: process\nname: xd-sleeper-one\nrunning: false", "process-unexpected"), &pid);
        place.fails("kind: process\nname: xd-sleeper-one\ncount: {min: 2}", "process-missing");
        place.fails("kind: process\nname: xd-sleeper-one\ncount: {max: 0}", "process-unexpected");
    }

    #[test]
    fn that_does_not_run_fails_or_is_skipped() {
        let place = Place::new();
        place.fails("kind: process\nname: xd-nobody", "process-missing");
        place.passes("kind: process\nname: xd-nobody\nrunning: false");
        has(&place.skips("kind: process\nname: xd-nobody\nskip_if_missing: true"), "xd-nobody does not run");
    }

    #[test]
    fn has_the_preloaded_library_in_it_until_that_is_replaced() {
        let place = Place::new();
        let library = library(&place);
        let _sleeper = Sleeper::start(&place, "xd-sleeper-two", Some(&library));
        let check = "kind: process\nname: xd-sleeper-two\nmaps: ";
        has(&place.passes(&format!("{check}libshim.so*")), "libshim.so.1");
        std::os::unix::fs::symlink("libshim.so.1", place.path("libshim.so")).expect("linked");
        place.passes(&format!("{check}libshim.so"));
        has(
            &place.fails(&format!("{check}libother.so"), "library-not-mapped"),
            "libraries that the process has mapped",
        );
        has(&place.warns("kind: process\nname: xd-sleeper-two\nlacks_map: libshim*", "preload-leaks"), "libshim.so.1");
        fs::remove_file(&library).expect("removed");
        has(&place.warns(&format!("{check}libshim.so*"), "stale-build"), "start the process anew");
    }

    #[test]
    fn of_another_user_is_undetermined_where_it_may_not_be_looked_at() {
        if !support::require(is_root(), "root, who may become another user") {
            return;
        }
        let place = Place::new();
        let _sleeper = Sleeper::start(&place, "xd-sleeper-six", None);
        let command = place.command("kind: process\nname: xd-sleeper-six\nmaps: libc.so.6");
        has(&undetermined(Run::of(without_rights(&command).output().expect("runs"))), "Permission denied");
        let command = place.command("kind: process\nexe: '*/xd-sleeper-six'");
        has(&undetermined(Run::of(without_rights(&command).output().expect("runs"))), "other users");
    }

    #[test]
    fn that_nothing_names_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: process"), "lacks `name`, `exe` or `cmdline`");
        has(&place.is_refused("kind: process\nname: x\nrunning: false\nmaps: y"), "leaves nothing");
        has(&place.is_refused("kind: process\nname: x\ncount: {min: few}"), "expected a whole number");
    }
}

mod mount {
    use super::*;

    #[test]
    fn of_the_type_with_the_options_and_the_space_wanted_passes() {
        let place = Place::new();
        let seen = place.passes("kind: mount\npath: /proc\npoint: true\ntype: [proc, nothing]\noptions: rw\nfree: 0");
        has(&seen, "/proc is on /proc: proc, proc, rw");
        has(&place.passes("kind: mount\npath: .\nlacks_options: ro\nfree: 1KiB"), " free");
    }

    #[test]
    fn of_another_type_or_with_other_options_fails_and_says_how_to_remount_it() {
        let place = Place::new();
        has(&place.fails("kind: mount\npath: /proc\ntype: ext4", "wrong-mount"), "expected a file system of type ext4");
        has(&place.fails("kind: mount\npath: /proc\noptions: sync", "wrong-mount"), "fix mount -o remount,sync /proc");
        has(&place.fails("kind: mount\npath: /proc\nlacks_options: rw", "wrong-mount"), "without rw");
        has(&place.fails("kind: mount\npath: .\npoint: true", "mount-missing"), "none; the path lies on");
        has(&place.fails("kind: mount\npath: .\nfree: 1000TiB", "space-low"), "1000 TiB free at");
        place.fails("kind: mount\npath: gone\nfree: 1", "file-missing");
    }

    #[test]
    fn of_a_path_that_may_not_be_looked_at_is_undetermined() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        place.write("closed/below/file", "");
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o000)).expect("set");
        let command = place.command("kind: mount\npath: closed/below\nfree: 1");
        has(&undetermined(Run::of(without_rights(&command).output().expect("runs"))), "Permission denied");
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o755)).expect("set");
    }

    #[test]
    fn of_which_nothing_is_asked_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: mount\npath: /"), "asks for nothing");
        has(&place.is_refused("kind: mount\npath: /\nfree: lots"), "expected a size such as 8GiB or 512MiB for `free`");
    }
}

mod device {
    use super::*;

    #[test]
    fn that_is_there_and_open_passes() {
        let seen = Place::new().passes("kind: device\nnodes: [/dev/null, '/dev/[z]ero']");
        has(&seen, "/dev/null can be read and written (mode 0666");
        has(&seen, "/dev/zero");
    }

    #[test]
    fn that_is_not_there_is_skipped_unless_a_gpu_is_required() {
        let place = Place::new();
        let check = "kind: device\nnodes: [/dev/no-such-device, /dev/dri/no-such*]\ngroups: [no-such-group]";
        has(&place.skips(check), "no /dev/no-such-device, /dev/dri/no-such*");
        let mut command = place.command(check);
        let run = Run::of(command.args(["--require", "gpu"]).output().expect("runs"));
        has(&failed(run, "device-missing"), "a device (--require gpu)");
        has(&skipped(place.run("kind: device\ndriver: nvidia\nnodes: /dev/no-such-device")), "no /dev/no-such-device");
    }

    #[test]
    fn that_this_user_may_not_open_fails_with_the_group_that_may() {
        if !support::require(is_root(), "root, who may make a device's node closed to others") {
            return;
        }
        let place = Place::new();
        let script = format!("mknod {0} c 1 3 && chmod 0600 {0}", place.path("kfd").display());
        let made = Command::new("sh").args(["-c", &script]).status().expect("sh").success();
        let can_open = fs::File::open(place.path("kfd")).is_ok();
        if !support::require(made && can_open, "file system that takes device nodes") {
            return;
        }
        let check = format!("kind: device\nnodes: {}", place.path("kfd").display());
        has(&place.passes(&check), "can be read and written (mode 0600, group root)");
        let command = place.command(&check);
        let said = failed(Run::of(without_rights(&command).output().expect("runs")), "device-access");
        has(&said, "Permission denied");
        has(&said, "usermod -aG root $USER");
    }

    #[test]
    fn wants_its_user_in_one_of_the_groups() {
        let place = Place::new();
        let command = place.command("kind: device\ngroups: [no-such-group, root]");
        let run = Run::of(without_rights(&command).output().expect("runs"));
        has(&failed(run, "device-access"), "fix sudo usermod -aG no-such-group,root $USER");
        if is_root() {
            has(&place.passes("kind: device\ngroups: no-such-group"), "root, who needs no group");
            let command = place.command("kind: device\ngroups: [no-such-group, 65534]");
            passed(Run::of(without_rights(&command).output().expect("runs")));
        }
    }

    #[test]
    fn of_which_nothing_is_asked_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: device"), "asks for nothing");
        has(&place.is_refused("kind: device\nnodes: /dev/*/x"), "expected a path such as /dev/kfd");
        has(&place.is_refused("kind: device\nnodes: kfd"), "expected a path such as /dev/kfd");
        has(&place.is_refused("kind: device\nnodes: /dev/kfd\ndriver_version: '>=6'"), "need `driver`");
        has(&place.is_refused("kind: device\ndriver: amdgpu\ndriver_version: six"), "expected a range of versions");
    }
}

mod package {
    use super::*;

    fn dpkg() -> bool {
        support::require(there("dpkg-query"), "dpkg-query")
    }

    #[test]
    fn of_debian_that_is_installed_passes_with_its_version() {
        if !dpkg() {
            return;
        }
        let place = Place::new();
        has(&place.passes("kind: package\nname: [libc6, dpkg]\nmanager: dpkg\nversion: '>=1.0, <1000'"), "libc6 2.");
        let said = place.fails("kind: package\nname: libc6\nversion: '<2'", "wrong-version");
        has(&said, "expected libc6 <2");
        place.fails("kind: package\nname: libc6\ninstalled: false", "package-unexpected");
    }

    #[test]
    fn of_debian_that_is_not_installed_fails_with_the_command_that_installs_it() {
        if !dpkg() {
            return;
        }
        let place = Place::new();
        has(&place.fails("kind: package\nname: no-such-package", "package-missing"), "fix apt install no-such-package");
        place.passes("kind: package\nname: no-such-package\ninstalled: false");
    }

    #[test]
    fn of_rpm_is_asked_of_rpm() {
        if !support::require(there("rpm"), "rpm") {
            return;
        }
        // Debian's rpm has an empty database.
        let said = Place::new().fails("kind: package\nname: no-such-package\nmanager: rpm", "package-missing");
        has(&said, "fix dnf install no-such-package");
    }

    /// Packages in a database of RPM's own below a folder, which `.rpmmacros` in it leads to.
    fn database_of_rpm(place: &Place, packages: &[(&str, &str, &str, &str)]) {
        place.write("home/.rpmmacros", &format!("%_dbpath {}\n", place.path("database").display()));
        let done = |command: &mut Command| {
            let output = command.env("HOME", place.path("home")).env("LC_ALL", "C").output().expect("it starts");
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        for (name, epoch, version, release) in packages {
            let spec = format!(
                "Name: {name}\n{epoch}Version: {version}\nRelease: {release}\nSummary: A test\nLicense: MIT\n\
                 BuildArch: noarch\n%description\nA test.\n%files\n"
            );
            let spec = place.write(&format!("{name}.spec"), &spec);
            let top = format!("_topdir {}", place.path("build").display());
            done(Command::new("rpmbuild").args(["-bb", "--quiet", "--nodeps", "--define", &top]).arg(spec));
            let file = place.path(&format!("build/RPMS/noarch/{name}-{version}-{release}.noarch.rpm"));
            done(Command::new("rpm").args(["-i", "--nodeps", "--justdb", "--oldpackage"]).arg(file));
        }
    }

    #[test]
    fn of_rpm_is_judged_by_what_a_real_database_of_rpm_says() {
        if !support::require(there("rpm") && there("rpmbuild"), "rpm and rpmbuild") {
            return;
        }
        let place = Place::new();
        let packages = [
            ("rocm-core", "", "6.2.4.60204", "139.el9"),
            ("rocblas", "", "4.2.4.60204", "139.el9"),
            ("hip-runtime-amd", "", "6.1.40093.60103", "122.el9"),
            ("shim", "Epoch: 2\n", "1.0~rc1", "3"),
            // As kernels are: two versions of one package at once.
            ("kernel-x", "", "5.14.0", "1"),
            ("kernel-x", "", "6.1.0", "1"),
        ];
        database_of_rpm(&place, &packages);
        let run = |check: &str| {
            let mut command = place.command(&format!("kind: package\nmanager: rpm\n{check}"));
            Run::of(command.env("HOME", place.path("home")).output().expect("runs"))
        };
        has(&passed(run("name: rocm-core\nversion: '>=6.2, <7'")), "rocm-core 6.2.4.60204-139.el9");
        has(&passed(run("name: shim\nversion: '<2:1.0'")), "shim 2:1.0~rc1-3");
        has(&failed(run("name: shim\nversion: '>=2:1.0'"), "wrong-version"), "shim 2:1.0~rc1-3");
        has(&failed(run("name: shim\ninstalled: false"), "package-unexpected"), "dnf remove shim");
        has(&failed(run("name: rocsparse"), "package-missing"), "dnf install rocsparse");
        has(&failed(run("name: kernel-x\nversion: '>=6'"), "wrong-version"), "kernel-x 5.14.0-1");
        let agree = r"agree: '\.([0-9]{5,6})-'";
        has(&passed(run(&format!("name: [rocm-core, 'rocb*']\n{agree}"))), "all 2 of 60204");
        let mixed = failed(run(&format!("name: [rocm-core, hip-runtime-amd]\n{agree}")), "wrong-version");
        has(&mixed, "60103: hip-runtime-amd");
        // A database that is none: neither there nor not.
        place.write("home/.rpmmacros", &format!("%_dbpath {}\n", place.path("checklist.yaml").display()));
        let broken = run("name: rocm-core");
        assert_eq!(broken.json()["steps"][0]["checks"][0]["status"], "undetermined");
    }

    #[test]
    fn of_python_is_asked_of_the_interpreter() {
        if !support::require(there("python3"), "python3") {
            return;
        }
        let place = Place::new();
        place.write("site/demo-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.5\n");
        let run = |check: &str| {
            let mut command = place.command(&format!("kind: package\nmanager: pip\n{check}"));
            Run::of(command.env("PYTHONPATH", place.path("site")).output().expect("runs"))
        };
        has(&passed(run("name: demo\nversion: ~=1.4")), "demo 1.5");
        failed(run("name: demo\nversion: '>=2'"), "wrong-version");
        has(&failed(run("name: no-such-distribution"), "package-missing"), "-m pip install");
    }

    #[test]
    fn without_its_manager_is_skipped_and_with_one_that_cannot_answer_is_undetermined() {
        let place = Place::new();
        let run = |check: &str, path: &Path| {
            let mut command = place.command(&format!("kind: package\nname: x\n{check}"));
            Run::of(command.env("PATH", path).output().expect("runs"))
        };
        let nowhere = place.path("nowhere");
        has(&skipped(run("", &nowhere)), "neither dpkg-query nor rpm");
        has(&skipped(run("manager: rpm", &nowhere)), "cannot start rpm");
        has(&skipped(run("manager: pip", &nowhere)), "cannot start python3");
        place.script("bin/dpkg-query", "echo database is locked >&2; exit 2");
        has(&undetermined(run("", &place.path("bin"))), "database is locked");
        place.script("bin/dpkg-query", "printf 'x\\t1.0\\trc \\n'");
        failed(run("", &place.path("bin")), "package-missing");
        place.script("bin/rpm", "printf 'x\\t2:6.2.4-1\\n'");
        has(&passed(run("manager: rpm\nversion: '>=2:6.2'", &place.path("bin"))), "x 2:6.2.4-1");
    }

    #[test]
    fn with_parameters_that_mean_nothing_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: package"), "lacks `name`");
        has(&place.is_refused("kind: package\nname: x\nmanager: brew"), "expected one of dpkg, rpm, pip");
        has(&place.is_refused("kind: package\nname: x\ninstalled: false\nversion: '>1'"), "leaves no version");
        has(
            &place.is_refused("kind: package\nname: x\nmanager: pip\nversion: '>=1:2'"),
            "no version specifier of Python",
        );
    }
}

mod python {
    use super::*;

    fn python() -> bool {
        support::require(there("python3"), "python3")
    }

    /// The outcome where these files are on Python's path.
    fn run(files: &[(&str, &str)], check: &str) -> Run {
        let place = Place::new();
        for (name, text) in files {
            place.write(&format!("site/{name}"), text);
        }
        let mut command = place.command(&format!("kind: python\n{check}"));
        Run::of(command.env("PYTHONPATH", place.path("site")).output().expect("runs"))
    }

    const TORCH: [(&str, &str); 2] = [
        ("torch/__init__.py", "print('chatter')\n__version__ = '2.5.1+rocm6.2'\nfrom . import version\n"),
        ("torch/version.py", "hip = '6.2.41133'\ncuda = None\n"),
    ];

    #[test]
    fn module_of_the_version_and_with_the_attributes_wanted_passes() {
        if !python() {
            return;
        }
        let check = "module: torch\nversion: '>=2.1, <3'\nattributes: {torch.version.hip: 6.2.*, version.cuda: None}";
        let seen = passed(run(&TORCH, check));
        has(&seen, "torch 2.5.1+rocm6.2");
        has(&seen, "torch.version.hip is 6.2.41133");
        has(&passed(run(&[], "module: sys")), "built in");
    }

    #[test]
    fn module_of_another_version_or_make_fails() {
        if !python() {
            return;
        }
        has(&failed(run(&TORCH, "module: torch\nversion: ~=2.6"), "wrong-version"), "found torch 2.5.1+rocm6.2");
        let said = failed(run(&TORCH, "module: torch\nattributes: {version.hip: 7.*}"), "wrong-version");
        has(&said, "torch.version.hip is 6.2.41133");
        has(&failed(run(&TORCH, "module: torch\nattributes: {a.b: '*'}"), "wrong-version"), "there is no torch.a.b");
    }

    #[test]
    fn module_that_is_missing_fails_or_is_skipped() {
        if !python() {
            return;
        }
        has(&failed(run(&[], "module: no_such_module"), "package-missing"), "-m pip install no_such_module");
        failed(run(&[], "module: no_such.module"), "package-missing");
        has(&skipped(run(&[], "module: no_such_module\nskip_if_missing: true")), "no_such_module");
    }

    #[test]
    fn module_whose_import_goes_wrong_fails_even_where_a_missing_one_is_skipped() {
        if !python() {
            return;
        }
        let imports = |text: &str, code: &str| {
            failed(run(&[("m.py", text)], "module: m\nskip_if_missing: true\ntimeout: 3s"), code)
        };
        has(&imports("1/0", "command-failed"), "ZeroDivisionError: division by zero");
        has(&imports("import ctypes\nctypes.CDLL('libno-such.so.7')", "missing-library"), "libno-such.so.7");
        has(&imports("import os\nos._exit(3)", "command-failed"), "exit status 3");
        has(&imports("import os\nos.abort()", "crash"), "SIGABRT");
        has(&imports("while True: pass", "time-limit"), "time limit");
        imports("import nothing_of_this_name", "command-failed");
    }

    #[test]
    fn module_that_takes_the_interpreter_down_when_it_ends_fails() {
        if !python() {
            return;
        }
        let ends = |text: &str, code: &str| {
            let text = format!("import atexit, os, time\natexit.register(lambda: {text})\n");
            failed(run(&[("m.py", &text)], "module: m\ntimeout: 3s"), code)
        };
        has(&ends("os.abort()", "teardown-crash"), "SIGABRT");
        has(&ends("os._exit(3)", "command-failed"), "ends well after `import m`");
        ends("time.sleep(100)", "time-limit");
    }

    #[test]
    fn folder_without_a_module_in_it_is_no_module() {
        if !python() {
            return;
        }
        let said = failed(run(&[("torch/logs/today.txt", "")], "module: torch"), "package-missing");
        has(&said, "only a folder of that name, without a module in it: ");
        skipped(run(&[("torch/logs/today.txt", "")], "module: torch\nskip_if_missing: true"));
        has(&passed(run(&[("nvidia/cudnn/__init__.py", "")], "module: nvidia")), "a namespace in ");
    }

    #[test]
    fn interpreter_that_is_missing_fails_or_is_skipped() {
        let check = "module: sys\ninterpreter: /no/such/python3";
        has(&failed(run(&[], check), "package-missing"), "a Python interpreter /no/such/python3");
        has(&skipped(run(&[], &format!("{check}\nskip_if_missing: true"))), "/no/such/python3");
    }

    #[test]
    fn module_without_a_version_is_undetermined_where_one_is_asked_for() {
        if !python() {
            return;
        }
        has(&undetermined(run(&[("m.py", "")], "module: m\nversion: '>=1'")), "m has no version");
        has(&undetermined(run(&[("m.py", "__version__ = 'head'")], "module: m\nversion: '>=1'")), "a version `head`");
    }

    #[test]
    fn with_parameters_that_mean_nothing_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: python"), "lacks `module`");
        has(&place.is_refused("kind: python\nmodule: 'a b'"), "expected the name of a module");
        has(&place.is_refused("kind: python\nmodule: a\nversion: '>=1-x'"), "PEP 440");
        has(&place.is_refused("kind: python\nmodule: a\nattributes: {b: '['}"), "is no glob");
    }
}
