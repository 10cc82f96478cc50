//! Drift: what has become of what worked, at the level that matters, and whether anything must be built again.

#[path = "support/remembered.rs"]
mod remembered;
#[path = "support/shims.rs"]
mod shims;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use remembered::{RUNTIME, Remembered, SHIM, said};
use shims::{Shim, version_script};

/// Sets a file's time, as a copy or a build does.
fn touch(path: &Path, seconds: i64) {
    let now = SystemTime::now();
    let span = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { now - span } else { now + span };
    File::options().write(true).open(path).expect("a file").set_modified(time).expect("set");
}

mod nothing_has_changed {
    use super::*;

    #[test]
    fn and_every_thing_is_said_to_be_as_it_was() {
        let sample = Remembered::locked();
        let document = sample.drift(0);
        assert_eq!(document["summary"]["warned"], 0);
        let step = &document["steps"][0];
        assert_eq!(step["title"], "Memory");
        let ids: Vec<&str> =
            step["checks"].as_array().expect("checks").iter().filter_map(|check| check["id"].as_str()).collect();
        assert_eq!(
            ids,
            [
                "lock",
                "lock.build/libshimhip.so",
                "lock.install/lib/libamdhip64.so.7",
                "lock.install/lib/libhalhip.so",
                "lock.install/lib/libshimhip.so",
                "lock.source",
                "lock.source/hip_version.map",
            ]
        );
        for check in step["checks"].as_array().expect("checks") {
            assert_eq!(check["status"], "pass", "{check:#}");
        }
        assert!(said(&step["checks"][0]).contains("nothing has to be built again"), "{step:#}");
    }
}

mod a_library {
    use super::*;

    #[test]
    fn print() {
        let sample = Remembered::locked();
        println!(
            "{}",
            fs::read_to_string(sample.lock())
                .unwrap()
                .lines()
                .map(|l| l.chars().take(300).collect::<String>())
                .collect::<Vec<_>>()
                .join("\n")
        );
        let map = version_script();
        fs::remove_file(sample.path(SHIM)).expect("gone");
        Shim::in_folder(&sample.path("install/lib")).with_map(map.replace(" hipMalloc;", "")).link();
        touch(&sample.path(RUNTIME), -100);
        println!("{}", sample.run(&["check", "--only", "lock"]).stdout);
    }
}
