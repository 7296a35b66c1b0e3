//! Checks TX3 on a folder of MIDI files.
use lakhnes_tokenizer::{Vocabulary, midi, tx3};
use std::collections::BTreeMap;
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap();
    let step: usize = args.next().map_or(1, |s| s.parse().unwrap());
    let out = args.next();
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let vocab = Vocabulary::tx1();
    let (mut n, mut bad, mut seconds, mut toks, mut toks1) = (0, 0, 0.0, 0, 0);
    let mut time = 0.0;
    let mut refused = 0;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths.iter().step_by(step) {
        let song = midi::read(&std::fs::read(path).unwrap()).unwrap();
        let t = Instant::now();
        let ids = tx3::encode_song(&song).unwrap();
        time += t.elapsed().as_secs_f64();
        let back = tx3::decode_song(&ids).unwrap();
        let again = tx3::encode_song(&back).unwrap();
        n += 1;
        let mut grammar = tx3::Grammar::new();
        for (at, &id) in ids.iter().chain([&0]).enumerate() {
            let token = tx3::token(id).unwrap();
            if !grammar.admits(token) {
                refused += 1;
                if refused < 12 {
                    let show = ids[at.saturating_sub(8)..(at + 3).min(ids.len())].iter().map(|&i| tx3::symbol(i).unwrap()).collect::<Vec<_>>().join(" ");
                    println!("REFUSED {token:?} in {} at {at}: {show}", path.display());
                }
                break;
            }
            grammar.advance(token);
        }
        let f = tx3::facts(&song).unwrap();
        println!("F {} {:.2} {:.3} {} {:.3} {} {} {} {:.3} {:?} {:.3} {:?} {:?} {:.2} {:.1}", path.file_stem().unwrap().to_string_lossy(), f.period, f.phase, f.frames_a_row, f.swing, f.rows_a_bar, f.bars, f.tempo_changes, f.on_rows, f.key, f.key_strength, f.density, f.register, f.duration, f.beats_a_minute());
        if let Some(out) = &out {
            let name = path.file_stem().unwrap().to_string_lossy();
            std::fs::write(format!("{out}/{name}.tx3.mid"), midi::write(&back).unwrap()).unwrap();
            std::fs::write(format!("{out}/{name}.fr.mid"), midi::write(&tx3::on_frames(&song).unwrap()).unwrap()).unwrap();
            std::fs::write(format!("{out}/{name}.tx3.txt"), tx3::decode(&ids).unwrap()).unwrap();
        }
        seconds += song.duration();
        toks += ids.len();
        toks1 += vocab.encode_song(&song).unwrap().len();
        for &id in &ids {
            let s = tx3::symbol(id).unwrap();
            let k = s.trim_end_matches(|c: char| c.is_ascii_digit());
            *kinds.entry(k.to_owned()).or_default() += 1;
        }
        if again != ids {
            bad += 1;
            if bad < 6 {
                let at = ids.iter().zip(&again).position(|(a, b)| a != b).unwrap_or(0);
                let show = |ids: &[u16]| ids[at.saturating_sub(6)..(at + 6).min(ids.len())].iter().map(|&i| tx3::symbol(i).unwrap()).collect::<Vec<_>>().join(" ");
                println!("{} at {at} of {}: {} | {}", path.display(), ids.len(), show(&ids), show(&again));
            }
        }
    }
    println!("refused {refused} ids {} songs {n} not fixed {bad} tokens/s {:.2} tx1 {:.2} encode {time:.2} s", tx3::size(), toks as f64 / seconds, toks1 as f64 / seconds);
    for (k, c) in kinds { print!("{k} {:.3}  ", c as f64 / seconds); }
    println!();
}
