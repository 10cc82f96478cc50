//! An API derived from its runtime's exports, where no table has it.

use super::api::{Api, Function, Role};
use super::library::Library;

/// Words in a function's name that tell what it is for; the first row that fits counts.
const WORDS: &[(Role, &[&str])] = &[
    (Role::Register, &["register"]),
    (Role::Lookup, &["getproc", "getsymbol", "extensionfunctionaddress", "getdriverentry", "getfuncby"]),
    (Role::Launch, &["launch", "callconfiguration", "enqueuendrange", "enqueuetask", "appendlaunch"]),
    (Role::Graph, &["graph"]),
    (Role::Synchronise, &["synchronize", "finish", "waitfor", "waitevent", "hostsynchronize"]),
    (Role::Set, &["memset", "fillbuffer", "memoryfill"]),
    (Role::Copy, &["memcpy", "copy", "readbuffer", "writebuffer", "prefetch"]),
    (Role::Free, &["free", "releasememobject"]),
    (Role::Allocate, &["malloc", "memalloc", "createbuffer", "mallochost", "svmalloc", "hostalloc"]),
    (Role::Event, &["event"]),
    (Role::Stream, &["stream", "queue"]),
    (Role::Module, &["module", "program", "library", "kernel", "func"]),
    (Role::Device, &["device", "context", "driver", "platform", "init", "version"]),
];

/// What a function is for, guessed from its name.
pub(super) fn guess(symbol: &str) -> Role {
    let name = symbol.to_ascii_lowercase();
    let row = WORDS.iter().find(|(_, words)| words.iter().any(|word| name.contains(word)));
    row.map_or(Role::Other, |(role, _)| *role)
}

/// The API that a runtime exports: every function with a C name, in its default node. Roles are guesses from names.
pub fn derive(runtime: &Library) -> Api {
    let mut functions = Vec::new();
    for (symbol, exports) in &runtime.exports {
        let export = exports.iter().find(|export| export.default || export.version.is_none());
        let Some(export) = export.filter(|export| export.kind.is_function() && !is_cxx_or_private(symbol)) else {
            continue;
        };
        functions.push(Function {
            symbol: symbol.clone(),
            node: export.version.clone().unwrap_or_default(),
            since: "?".to_owned(),
            exported: true,
            returns: "unknown".to_owned(),
            role: guess(symbol),
        });
    }
    let nodes = runtime.nodes.iter().map(|(node, parent)| (node.clone(), parent.clone())).collect();
    Api::new(&runtime.name(), functions, nodes)
}

fn is_cxx_or_private(symbol: &str) -> bool {
    symbol.starts_with("_Z") || matches!(symbol, "_init" | "_fini")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_function_is_for() {
        let cases = [
            ("cudaMalloc", Role::Allocate),
            ("cudaFree", Role::Free),
            ("cudaMemcpyAsync", Role::Copy),
            ("cudaMemsetAsync", Role::Set),
            ("__cudaLaunchKernel", Role::Launch),
            ("cuLaunchKernelEx", Role::Launch),
            ("clEnqueueNDRangeKernel", Role::Launch),
            ("zeCommandListAppendLaunchKernel", Role::Launch),
            ("clEnqueueReadBuffer", Role::Copy),
            ("clFinish", Role::Synchronise),
            ("cudaDeviceSynchronize", Role::Synchronise),
            ("cuGetProcAddress_v2", Role::Lookup),
            ("__cudaRegisterFatBinary", Role::Register),
            ("cudaStreamCreateWithFlags", Role::Stream),
            ("clCreateContext", Role::Device),
        ];
        for (symbol, role) in cases {
            assert_eq!(guess(symbol), role, "{symbol}");
        }
    }

    /// The guess is held against the table that people made.
    #[test]
    fn the_guess_agrees_with_the_hip_table_where_it_matters_most() {
        let critical = [Role::Allocate, Role::Free, Role::Copy, Role::Launch];
        let table: Vec<_> = Api::hip().exported().filter(|function| critical.contains(&function.role)).collect();
        let agreed = table.iter().filter(|function| guess(&function.symbol) == function.role).count();
        assert!(agreed * 10 >= table.len() * 8, "{agreed} of {}", table.len());
    }
}
