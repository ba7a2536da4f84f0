//! From reset to the program and from there to the debugger: the start of memory, semihosting, the end.

use core::arch::asm;
use core::panic::PanicInfo;

use crate::heap;

// From `link/layout.x`; only their addresses mean something.
unsafe extern "C" {
    static mut bss_start: u32;
    static mut bss_end: u32;
    static mut data_start: u32;
    static mut data_end: u32;
    static data_load: u32;
    static flash_end: u32;
    static stack_top: u32;
}

unsafe extern "Rust" {
    /// The program.
    safe fn firmware();
}

/// What the processor looks up, after the stack: reset, then the exceptions.
#[repr(C)]
struct Vectors([unsafe extern "C" fn(); 15]);

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: Vectors = {
    let mut vectors = [fault as unsafe extern "C" fn(); 15];
    vectors[0] = reset;
    Vectors(vectors)
};

/// What the stack is filled with, to see afterwards how far it reached.
const PAINT: u32 = 0xdead_beef;
/// Where the stack ends: the memory of the board begins there.
const STACK_END: *mut u32 = 0x2000_0000 as *mut u32;
/// What this function may be using itself while it paints.
const IN_USE: usize = 256;

/// # Safety
/// Called by the processor, once.
#[unsafe(no_mangle)]
unsafe extern "C" fn reset() {
    // SAFETY: nothing else runs, and the symbols bound memory that nobody has been given yet.
    unsafe {
        let mut to = &raw mut bss_start;
        while to < &raw mut bss_end {
            to.write_volatile(0);
            to = to.add(1);
        }
        let (mut to, mut from) = (&raw mut data_start, &raw const data_load);
        while to < &raw mut data_end {
            to.write_volatile(from.read_volatile());
            (to, from) = (to.add(1), from.add(1));
        }
        let mut to = STACK_END;
        while (to as usize) < &raw const stack_top as usize - IN_USE {
            to.write_volatile(PAINT);
            to = to.add(1);
        }
    }
    firmware();
    let mut deepest = STACK_END.cast_const();
    // SAFETY: the stack in use is not paint, and the loop ends there.
    while unsafe { deepest.read_volatile() } == PAINT {
        deepest = deepest.wrapping_add(1);
    }
    report("flash", &raw const flash_end as usize);
    report("stack", &raw const stack_top as usize - deepest as usize);
    report("heap", heap::most());
    exit(0);
}

/// # Safety
/// Called by the processor, at any time.
unsafe extern "C" fn fault() {
    say("fault\n");
    exit(1);
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    say("panic\n");
    exit(2);
}

fn report(what: &str, bytes: usize) {
    say("# ");
    say(what);
    say(" ");
    number(bytes);
    say("\n");
}

/// Says a text to the debugger.
pub fn say(text: &str) {
    show(text.as_bytes());
}

/// Shows bytes to the debugger as they are.
pub fn show(bytes: &[u8]) {
    for byte in bytes {
        ask(0x03, &raw const *byte);
    }
}

/// Says a number.
pub fn number(n: usize) {
    if n >= 10 {
        number(n / 10);
    }
    show(&[b'0' + (n % 10) as u8]);
}

/// Ends the program, with a status for the debugger.
fn exit(status: u32) -> ! {
    // "The application has exited", and how.
    let block = [0x20026, status];
    loop {
        ask(0x20, &raw const block);
    }
}

/// Asks the debugger for an operation.
fn ask<T>(operation: u32, argument: *const T) {
    // SAFETY: the debugger reads one byte, or two words, at the argument.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument) }
}
