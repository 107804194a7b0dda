//! libFuzzer, in this process: it calls a target until it has had enough, or the target panics.

use std::ffi::{CString, c_char, c_int};
use std::sync::OnceLock;

use libfuzzer_sys as _; // its C++ part is linked; its macros expect a program of their own for each target

use crate::targets::Target;

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        count: *mut c_int,
        arguments: *mut *mut *mut c_char,
        each: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

static TARGET: OnceLock<&Target> = OnceLock::new();

/// Runs a target with libFuzzer's own options, and ends the process with its verdict.
pub fn drive(target: &'static Target, options: &[&str]) -> ! {
    TARGET.get_or_init(|| target);
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort(); // also from a thread of the target's: libFuzzer keeps the input
    }));
    let words = std::iter::once("fuzz").chain(options.iter().copied());
    let mut arguments: Vec<*mut c_char> =
        words.map(|word| CString::new(word).expect("arguments hold no zero byte").into_raw()).collect();
    let mut count = c_int::try_from(arguments.len()).expect("few arguments");
    arguments.push(std::ptr::null_mut());
    let mut pointer = arguments.as_mut_ptr();
    // SAFETY: a null-terminated list of C strings that live as long as the process, as `main` of C has it.
    let status = unsafe { LLVMFuzzerRunDriver(&mut count, &mut pointer, each) };
    std::process::exit(status)
}

extern "C" fn each(bytes: *const u8, length: usize) -> c_int {
    // SAFETY: libFuzzer owns so many bytes there until this returns; of none, the pointer may be null.
    let input = if length == 0 { &[] } else { unsafe { std::slice::from_raw_parts(bytes, length) } };
    (TARGET.get().expect("set before the first input").run)(input);
    0
}
