//! A message's way through the low layers, for a machine that has nothing: no operating system, no
//! standard library, no heap but a piece of memory of our own.
//!
//! It is built and linked for `thumbv7em-none-eabihf`, so whatever reached for the world in one of
//! these crates would be an undefined symbol here. What it computes is returned to whoever started
//! it, so that nothing is optimised away.

#![no_std]
#![no_main]

extern crate alloc;

mod heap;

use core::panic::PanicInfo;
use core::time::Duration;

use bytes::BytesMut;
use warrener_codec::{Decoder, Frame, Limits};
use warrener_router::{Kind, Matches, NoHeaders, Router, Target};
use warrener_time::Time;

/// Where the machine begins.
#[unsafe(no_mangle)]
extern "C" fn _start() -> u32 {
    let frames = frames_of(&[8, 0, 0, 0, 0, 0, 0, 0xCE, 8, 0, 0, 0, 0, 0, 0, 0xCE]);
    let routes = routes_of(b"sensor.7.temperature");
    let deadline = Time::from_micros(0) + Duration::from_secs(1);
    frames + routes + deadline.as_secs() as u32
}

/// codec: bytes in, frames out.
fn frames_of(bytes: &[u8]) -> u32 {
    let mut decoder = Decoder::new(Limits::default());
    let mut input = BytesMut::from(bytes);
    let mut frames = 0;
    while let Ok(Some(Frame::Heartbeat)) = decoder.decode(&mut input) {
        frames += 1;
    }
    frames
}

/// router: which of two destinations a key reaches.
fn routes_of(key: &[u8]) -> u32 {
    let mut router = Router::new(1);
    let sensors = router.add(Kind::Topic);
    let bound = router
        .bind(sensors, Target::Destination(1u8), "sensor.*.temperature")
        .and_then(|_| router.bind(sensors, Target::Destination(2u8), "sensor.#"));
    if bound.is_err() {
        return 0;
    }
    let mut matches = Matches::new();
    router.route(sensors, key, &NoHeaders, &mut matches);
    matches.len() as u32
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
