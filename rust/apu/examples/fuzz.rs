//! Reads mutated files of register writes (or of the formats named as arguments): `make fuzz` runs it.
//!
//! `LAKHNES_MUTATIONS` says how many of each (1,000,000), `SEED` which, `FIRST` from which number on (0). A panic ends the
//! run, and so does a refusal that is not one line with the place of what is wrong; a file that takes long is told, and so is
//! the most memory that the process has held at a time.

#[path = "../tests/mutate/mod.rs"]
mod mutate;
#[path = "../tests/mutate/nsf.rs"]
mod nsf;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use lakhnes_apu::formats::vgm;
use lakhnes_apu::{ApuError, MemoryBlock, RegisterLog, Standard, Tags, Write};
use mutate::Mutator;

/// A format: what reads it, and files to start from.
struct Target {
    name: &'static str,
    /// Reads a file, or says why it is none. What has been read is checked.
    read: fn(&[u8]) -> Result<(), ApuError>,
    seeds: fn() -> Vec<Vec<u8>>,
    /// Files that ask for as much as they can, read once before all others.
    extremes: fn() -> Vec<Vec<u8>>,
}

const TARGETS: &[Target] = &[
    Target { name: "vgm", read: read_vgm, seeds: vgm_seeds, extremes: vgm_extremes },
    Target { name: "vgz", read: read_vgz, seeds: vgz_seeds, extremes: || packed(&vgz_extremes()) },
    Target { name: "nsf", read: nsf::read, seeds: nsf::seeds, extremes: nsf::extremes },
];

/// A file that takes longer is told.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let number = |name: &str, default| std::env::var(name).map_or(Ok(default), |text| text.parse::<u64>());
    let (inputs, seed, first) = (number("LAKHNES_MUTATIONS", 1_000_000)?, number("SEED", 1)?, number("FIRST", 0)?);
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some(name) = names.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        return Err(format!("{name}: expected one of {}", known.join(" ")).into());
    }
    for target in TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name)) {
        run(target, first, inputs, seed);
    }
    Ok(())
}

fn run(target: &Target, first: u64, inputs: u64, seed: u64) {
    let name = target.name;
    for (index, file) in (target.extremes)().iter().enumerate() {
        let (before, started) = (resident("VmRSS"), Instant::now());
        reset_peak();
        let result = (target.read)(file);
        let peak = resident("VmHWM").zip(before).map_or(0, |(peak, before)| peak.saturating_sub(before));
        println!(
            "{name}: extreme {index}, {} MiB of input: {}, {:.2} s, {peak} MiB beside it",
            file.len() >> 20,
            result.map_or_else(|error| error.to_string(), |()| "read".to_owned()),
            started.elapsed().as_secs_f64(),
        );
    }
    let seeds = (target.seeds)();
    let mut mutator = Mutator(seed.max(1));
    let (mut valid, mut longest, started) = (0, Duration::ZERO, Instant::now());
    reset_peak();
    for input in 0..first + inputs {
        let file = mutator.mutated(&seeds);
        if input < first {
            continue;
        }
        let began = Instant::now();
        let result = (target.read)(&file);
        let took = began.elapsed();
        match result.map_err(|error| error.to_string()) {
            Ok(()) => valid += 1,
            Err(message) => assert!(names_a_place(&message), "{name}: input {input} of seed {seed}: {message:?}"),
        }
        longest = longest.max(took);
        if took > PATIENCE {
            println!("{name}: input {input} of seed {seed} took {took:?}");
        }
    }
    println!(
        "{name}: {inputs} mutated files of {} seeds, {valid} read, {} refused, {:.0} s, the longest {:.1} ms, peak {} MiB",
        seeds.len(),
        inputs - valid,
        started.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3,
        resident("VmHWM").map_or("unknown".into(), |peak| peak.to_string()),
    );
}

/// Whether a message is one short line that begins with the byte of what is wrong.
fn names_a_place(message: &str) -> bool {
    message.starts_with("byte ") && message.lines().count() == 1 && message.chars().count() <= 400
}

/// A figure of memory in MiB, where the system is Linux.
fn resident(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// Makes the peak count from now on (Linux, proc(5): `clear_refs`).
fn reset_peak() {
    _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn read_vgm(bytes: &[u8]) -> Result<(), ApuError> {
    let (log, _) = vgm::read_and_warn(bytes)?;
    assert_eq!(log.validate(), Ok(()));
    if log.writes.len() + log.memory.len() < 1_000
        && let Ok(written) = vgm::write(&log)
    {
        assert_eq!(vgm::read(&written).as_ref(), Ok(&log));
    }
    Ok(())
}

/// What is not packed is packed first: bytes that are wrong in the log, and bytes that are wrong in the gzip file.
fn read_vgz(bytes: &[u8]) -> Result<(), ApuError> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        read_vgm(bytes)
    } else {
        packed(&[bytes.to_vec()]).iter().try_for_each(|file| read_vgm(file))
    }
}

/// Logs of our own, and those of the reference where it is there.
fn vgm_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (1..12).filter_map(|size| vgm::write(&log(size * size * 10)).ok()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/lawnmower");
    for name in ["202_LawnMower_02_03LevelClear.vgm", "202_LawnMower_03_04OutofFuel.vgm"] {
        seeds.extend(std::fs::read(folder.join(name)));
    }
    seeds
}

/// A log with something of everything.
fn log(size: u64) -> RegisterLog {
    let mut random = Mutator(size + 1);
    let mut log = RegisterLog::new([Standard::Ntsc, Standard::Pal, Standard::Dendy][random.below(3)]);
    let mut tick = 0;
    for _ in 0..size {
        tick += [0, 0, 1, 16, 735, 882, 70_000][random.below(7)];
        log.writes.push(Write { tick, register: random.below(0x18) as u8, value: random.below(256) as u8 });
        if random.below(20) == 0 {
            let bytes = vec![0x55; random.below(400)];
            log.memory.push(MemoryBlock { tick, address: 0xC000 + 0x40 * random.below(0x100) as u16, bytes });
        }
    }
    log.length = tick + 1;
    log.loop_start = log.writes.get(size as usize / 2).map(|write| write.tick);
    log.tags = Tags { title: "A title".into(), notes: "二行\n".into(), ..Tags::default() };
    log
}

/// Header and repeated commands, `size` bytes in all.
fn repeated(command: &[u8], size: usize) -> Vec<u8> {
    let mut file = vgm::write(&RegisterLog::default()).unwrap_or_default();
    file.pop();
    let count = (size - file.len()) / command.len();
    file.extend(command.repeat(count));
    file.push(0x66);
    file
}

/// Writes, memory blocks of no bytes and of as many as there can be, waits.
fn commands() -> [Vec<u8>; 4] {
    let block = [&[0x67, 0x66, 0xC2, 2, 0, 1, 0, 0, 0][..], &vec![0xAA; 0x1_0000]].concat();
    [vec![0xB4, 0, 0x30], vec![0x67, 0x66, 0xC2, 2, 0, 0, 0, 0, 0xC0], block, vec![0x70]]
}

fn vgm_extremes() -> Vec<Vec<u8>> {
    commands().iter().map(|command| repeated(command, (64 << 20) - 1)).collect()
}

fn vgz_extremes() -> Vec<Vec<u8>> {
    commands().iter().map(|command| repeated(command, 255 << 20)).collect()
}

fn vgz_seeds() -> Vec<Vec<u8>> {
    let seeds = vgm_seeds();
    [packed(&seeds), seeds].concat()
}

fn packed(files: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let pack = |file: &Vec<u8>| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(file).and_then(|()| packer.finish()).ok()
    };
    files.iter().filter_map(pack).collect()
}
