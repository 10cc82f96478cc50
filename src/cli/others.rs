//! Who else is at work on this machine.

use std::thread::available_parallelism;

use rustix::system::sysinfo;

use super::Output;

/// Says so where others keep the processors busy before anything is measured: their share of the figures would be noise.
pub fn warn_of_others(output: Output) {
    let load = sysinfo().loads[0] as f64 / FIXED_POINT;
    let cores = available_parallelism().map_or(1, usize::from);
    if load > BUSY * cores as f64 {
        output.remark(format_args!(
            "the load average is {load:.1} on {cores} processors: others are at work here, and figures will scatter"
        ));
    }
}

/// sysinfo(2) counts loads in 65536ths.
const FIXED_POINT: f64 = 65536.0;

/// Of each processor.
const BUSY: f64 = 0.75;
