//! Damaged files by the thousand: seeds, what is done to them, and how a reader is watched while it reads them.
//!
//! Every input follows from the kind of file and its number alone, so that a number in a message is enough to make it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many inputs of a kind a run of the quick suite makes; `LAKHNES_MUTATIONS` asks for more.
const QUICK: u64 = 2_000;

/// How long a reader may take for one input before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the run looks whether its reader is still at the same input.
const LOOK: Duration = Duration::from_millis(5);

/// The most memory that the process may have taken at its worst, in MiB.
pub(crate) const MAX_MEMORY: u64 = 512;

/// The longest input, in bytes: what is put in and doubled stays small, so that many inputs are read.
const MAX_LENGTH: usize = 1 << 16;

/// The longest message of a refusal, in characters: a few lines of a terminal.
const LONGEST_MESSAGE: usize = 400;

/// A small deterministic random generator (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

/// Files of one kind, what reads them, and the words of which such files are made.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) readers: &'static [&'static str],
    pub(crate) seeds: Vec<Vec<u8>>,
    pub(crate) words: Vec<Vec<u8>>,
}

/// Numbers that many places can have, and numbers at which readers trip, as text.
const NUMBERS: [&str; 18] = [
    "2",
    "15",
    "40",
    "100",
    "0",
    "1",
    "-1",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "18446744073709551616",
    "99999999999999999999999",
];

impl Kind {
    /// Input number `index`: one of the seeds after one to eight changes, mostly few.
    pub(crate) fn input(&self, index: u64) -> Vec<u8> {
        let mut random = Random(index);
        let seeds: Vec<&[u8]> = self.seeds.iter().map(Vec::as_slice).collect();
        let mut bytes = random.pick(&seeds).to_vec();
        for _ in 0..=random.below(8).min(random.below(8)) {
            self.change(&mut bytes, &mut random);
            bytes.truncate(MAX_LENGTH);
        }
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(bytes.len() + 1);
        let some = random.below((bytes.len() - at).min(40) + 1);
        match random.below(14) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..at + some)),
            2 => {
                let part = bytes[at..at + some].repeat(1 + random.below(60));
                bytes.splice(at..at, part);
            }
            3 => {
                let words: Vec<&[u8]> = self.words.iter().map(Vec::as_slice).collect();
                let word = random.pick(&words);
                bytes.splice(at..at + some * random.below(2), word.iter().copied());
            }
            4 | 12 | 13 => number(bytes, at, random),
            5 => {
                let other: Vec<&[u8]> = self.seeds.iter().map(Vec::as_slice).collect();
                let other = random.pick(&other);
                let from = random.below(other.len());
                let to = from + random.below(other.len() - from);
                bytes.splice(at..at + some, other[from..to].iter().copied());
            }
            6 => line(bytes, at, random),
            change => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = match change {
                        7 => *byte ^ 1 << random.below(8),
                        8 => [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF][random.below(6)],
                        9 => byte.wrapping_add(1),
                        10 => byte.wrapping_sub(1),
                        _ => random.next() as u8,
                    };
                }
            }
        }
    }
}

/// Puts another number in the place of the first one from `at` on.
fn number(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|place| at + place) else { return };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.splice(start..start + digits, random.pick(&NUMBERS).bytes());
}

/// Takes out the line that holds `at`, doubles it, or puts it at the end.
fn line(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |place| at + place + 1);
    let line = bytes[start..end].to_vec();
    match random.below(3) {
        0 => drop(bytes.drain(start..end)),
        1 => drop(bytes.splice(start..start, line)),
        _ => bytes.extend(line),
    }
}

/// What became of the inputs of a kind.
#[derive(Default)]
struct Tally {
    /// Inputs that some reader read, and those that none did.
    read: u64,
    refused: u64,
    /// Inputs that each reader read.
    by_reader: Vec<u64>,
    slowest: Duration,
    slowest_input: u64,
}

impl Tally {
    fn count(&mut self, kind: &Kind, index: u64, results: &[Result<(), String>]) {
        assert_eq!(results.len(), kind.readers.len());
        for ((result, read), reader) in results.iter().zip(&mut self.by_reader).zip(kind.readers) {
            match result {
                Ok(()) => *read += 1,
                Err(message) => {
                    assert!(names_a_place(message), "{} {index}, {reader}: {message:?} names no place", kind.name);
                }
            }
        }
        if results.iter().any(Result::is_ok) {
            self.read += 1;
        } else {
            self.refused += 1;
        }
    }
}

/// Reads every input of a kind. `read` gives what each reader of it makes of an input: nothing, or the message of a refusal.
/// It must not panic, nor take long, and every message must be one short line that names a place.
///
/// # Panics
/// At the first input that breaks one of these rules, naming its number.
pub(crate) fn run(kind: &Kind, read: impl Fn(&[u8]) -> Vec<Result<(), String>> + Sync) {
    let count = std::env::var("LAKHNES_MUTATIONS").ok().map_or(QUICK, |count| count.parse().expect("a number"));
    let first = std::env::var("LAKHNES_FIRST_MUTATION").ok().map_or(0, |first| first.parse().expect("a number"));
    let current = AtomicU64::new(u64::MAX);
    let tally = Mutex::new(Tally { by_reader: vec![0; kind.readers.len()], ..Tally::default() });
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            for index in first..first + count {
                current.store(index, Ordering::Relaxed);
                let input = kind.input(index);
                let started = Instant::now();
                let results = catch_unwind(AssertUnwindSafe(|| read(&input)))
                    .unwrap_or_else(|_| panic!("{} {index}: the reader panicked", kind.name));
                let mut tally = tally.lock().expect("a tally");
                tally.count(kind, index, &results);
                if started.elapsed() > tally.slowest {
                    (tally.slowest, tally.slowest_input) = (started.elapsed(), index);
                }
            }
        });
        watch(kind.name, &current, || worker.is_finished());
        if let Err(panic) = worker.join() {
            std::panic::resume_unwind(panic);
        }
    });
    let tally = tally.into_inner().expect("a tally");
    let Tally { read, refused, by_reader, slowest, slowest_input } = tally;
    let by_reader: Vec<String> =
        kind.readers.iter().zip(by_reader).map(|(name, count)| format!("{name} {count}")).collect();
    println!(
        "{}: {count} inputs, {read} read ({}), {refused} refused, slowest {slowest:.1?} (input {slowest_input})",
        kind.name,
        by_reader.join(", ")
    );
    assert_eq!(read + refused, count);
    assert!(count < QUICK || (read > 0 && refused > 0), "{}: mutations that all fare alike test nothing", kind.name);
    let memory = peak_memory();
    println!("{}: the process has taken at most {memory:?} MiB", kind.name);
    assert!(memory.is_none_or(|memory| memory <= MAX_MEMORY), "{memory:?} MiB");
}

/// Ends the process if the worker stays at one input. Time is counted in looks at it, which stop when the process is stopped.
fn watch(name: &str, current: &AtomicU64, finished: impl Fn() -> bool) {
    let (mut last, mut looks) = (u64::MAX, 0);
    while !finished() {
        std::thread::sleep(LOOK);
        let index = current.load(Ordering::Relaxed);
        (last, looks) = if index == last { (last, looks + 1) } else { (index, 0) };
        if looks * LOOK.as_millis() > PATIENCE.as_millis() {
            eprintln!("{name} {index}: still reading after {PATIENCE:?}");
            std::process::exit(1);
        }
    }
}

/// Whether a message is one short line and says where: a byte, line, tuple, frame, tick or part, or that there is nothing at
/// all.
pub(crate) fn names_a_place(message: &str) -> bool {
    let places = ["byte ", "line ", "tuple ", "frame ", " at tick ", "row ", " part", "an empty text", "tracks: "];
    !message.chars().any(char::is_control)
        && message.chars().count() <= LONGEST_MESSAGE
        && places.iter().any(|place| message.contains(place))
}

/// The most memory that the process has taken so far, in MiB, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib / 1_024)
}
