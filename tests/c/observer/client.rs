//! A Rust client: its calls go through the GOT, without a PLT.

unsafe extern "C" {
    fn hipMalloc(address: *mut *mut u8, size: usize) -> i32;
}

fn main() {
    let mut address = std::ptr::null_mut();
    for _ in 0..5 {
        assert_eq!(unsafe { hipMalloc(&mut address, 1) }, 0);
    }
}
