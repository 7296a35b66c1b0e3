//! What a MIDI file plays: notes with their loudness and as the pedal holds them, drum hits, pitch bends.
//!
//! A file of 12 MiB can have [`MAX_MESSAGES`] notes, so what is kept of each is as narrow as it can be: MIDI ticks are `u32`
//! (51 days at 480 a beat and 120 beats a minute), what one step has used up goes before the next, and a [`Played`] takes the
//! place of its [`Sounding`].

use std::collections::{BTreeMap, BTreeSet};

use midly::{MetaMessage, MidiMessage, TrackEventKind};

use super::casting::{Casting, PartName};
use super::channel::Channel;
use super::parts::{Part, Sounding, bass_instruments, bass_part, is_bass, leading_part};
use super::{Reason, Report};
use crate::error::{TokenizerError, check_limit};
use crate::limits::TICKS_PER_SECOND;
use crate::midi::clock::Clock;
use crate::midi::walk::{Listener, Tracks, malformed, walk};
use crate::values::Ticks;
use crate::voice::Voice;

/// The most channel messages of a file that is arranged: 4 Mi, some 500 hours of piano music.
pub const MAX_MESSAGES: usize = 4 << 20;

/// The last MIDI tick of a file that is arranged.
const MAX_MIDI_TICK: u64 = u32::MAX as u64;

/// The channel of the drums, from 0 (General MIDI).
pub(super) const DRUMS: u8 = 9;

/// How long the pedal holds a note at most, in ticks, after its key is let go (2 s): a string's sound would be gone then.
const LONGEST_RING: u64 = 2 * TICKS_PER_SECOND;

/// A note of the file.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))] // that of `Sounding`: else a vector of these is collected beside that of those
pub(super) struct Played {
    pub(super) start: Ticks,
    /// Where its key is let go.
    pub(super) end: Ticks,
    /// Where it falls silent: later, if the pedal holds it.
    pub(super) ring: Ticks,
    pub(super) pitch: u8,
    /// 1 to 15.
    pub(super) level: u8,
    pub(super) channel: u8,
    pub(super) part: Part,
    /// Whether its part is the melody's.
    pub(super) lead: bool,
    /// Whether its instrument is a bass.
    pub(super) bass: bool,
    /// Whether its part was chosen for the second pulse.
    pub(super) counter: bool,
}

/// A drum hit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: Ticks,
    pub(super) key: u8,
    pub(super) level: u8,
}

/// Pitch bends of a channel: from which tick on, how many cents.
pub(super) type Bends = Vec<(Ticks, i32)>;

#[derive(Debug, Default)]
pub(super) struct Source {
    /// By onset.
    pub(super) notes: Vec<Played>,
    /// By onset.
    pub(super) hits: Vec<Hit>,
    pub(super) bends: [Bends; 16],
    pub(super) length: Ticks,
}

/// A channel message: MIDI tick, track, channel.
type Message = (u32, u16, u8, MidiMessage);

pub(super) fn read(bytes: &[u8], chosen: &[(Voice, PartName)], report: &mut Report) -> Result<Source, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let mut file = File::default();
    let extent = walk(bytes, Tracks::All, &mut file)?;
    file.messages.sort_by_key(|&(tick, ..)| tick);
    let clock = Clock::new(extent.timing, std::mem::take(&mut file.tempos));
    let is_note = |message: &&Message| matches!(message.3, MidiMessage::NoteOn { vel, .. } if vel.as_int() > 0);
    let notes = file.messages.iter().filter(is_note).count();
    let mut band = Band::new(notes, &file.leaders, Casting::new(chosen, file.names));
    for (tick, track, channel, message) in file.messages {
        band.receive(tick, track, channel, message, report);
    }
    report.warnings = extent.warnings;
    band.finish(extent.last, &clock, report).map_err(|error| error.at("byte", extent.last_at))
}

#[derive(Default)]
struct File {
    track: u16,
    messages: Vec<Message>,
    tempos: Vec<(u64, u32)>,
    /// The tracks whose names say that they lead, in order.
    leaders: Vec<u16>,
    /// The names of tracks, in lower case.
    names: Vec<(u16, String)>,
}

impl Listener for File {
    fn begin_track(&mut self, track: usize) {
        self.track = u16::try_from(track).unwrap_or(u16::MAX);
    }

    #[inline]
    fn hear(&mut self, now: u64, event: TrackEventKind<'_>) -> Result<(), TokenizerError> {
        match event {
            TrackEventKind::Midi { channel, message } => {
                check_limit("time in MIDI ticks", MAX_MIDI_TICK, now)?;
                self.messages.push((now as u32, self.track, channel.as_int(), message));
                check_limit("number of MIDI messages", MAX_MESSAGES as u64, self.messages.len() as u64)?;
            }
            TrackEventKind::Meta(MetaMessage::TrackName(name)) => {
                let name = String::from_utf8_lossy(name).to_lowercase();
                if leads(&name) && self.leaders.last() != Some(&self.track) {
                    self.leaders.push(self.track);
                }
                if self.names.last().is_none_or(|&(track, _)| track != self.track) {
                    self.names.push((self.track, name));
                }
            }
            TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => {
                self.tempos.push((now, tempo.as_int()));
                check_limit("number of tempos", MAX_MESSAGES as u64, self.tempos.len() as u64)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn leads(name: &str) -> bool {
    ["melod", "lead", "vocal", "voice", "sopran", "solo"].iter().any(|word| name.contains(word))
}

/// How loud a velocity is at a gain.
fn loudness(velocity: u8, gain: f64) -> f64 {
    f64::from(velocity) / 127.0 * gain
}

struct Band<'a> {
    leaders: &'a [u16],
    casting: Casting<'a>,
    channels: [Channel; 16],
    /// The notes whose keys are down, by channel and pitch,
    held: BTreeMap<(u8, u8), Sounding>,
    /// and those that only the pedal holds.
    ringing: BTreeMap<(u8, u8), Sounding>,
    notes: Vec<Sounding>,
    hits: Vec<(u32, u8, f64)>,
    bends: [Vec<(u32, i32)>; 16],
    lost: Vec<Lost>,
}

/// A note that is not heard.
struct Lost {
    tick: u32,
    channel: u8,
    pitch: u8,
    reason: Reason,
}

impl<'a> Band<'a> {
    /// For a number of notes at most.
    fn new(notes: usize, leaders: &'a [u16], casting: Casting<'a>) -> Self {
        Self {
            leaders,
            casting,
            channels: [Channel::NEW; 16],
            held: BTreeMap::new(),
            ringing: BTreeMap::new(),
            notes: Vec::with_capacity(notes),
            hits: Vec::new(),
            bends: Default::default(),
            lost: Vec::new(),
        }
    }

    fn receive(&mut self, tick: u32, track: u16, number: u8, message: MidiMessage, report: &mut Report) {
        let Some(channel) = self.channels.get_mut(usize::from(number)) else { return };
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                report.notes += 1;
                let velocity = vel.as_int();
                let loudness = loudness(velocity, channel.gain());
                let muted = loudness <= 0.0;
                if muted {
                    channel.peak = 0.0;
                }
                let (pitch, program) = (key.as_int(), channel.program);
                let part = (track, number);
                let voice = self.casting.voice(part);
                if voice == Some(Voice::No) || number == DRUMS && voice.is_none() {
                    if muted {
                        return self.lose(tick, number, pitch, Reason::Muted);
                    }
                    self.hits.push((tick, pitch, loudness));
                    return;
                }
                self.silence(tick, number, pitch, Reason::Doubled);
                let (start, end, ring, channel) = (tick, tick, tick, number);
                let note =
                    Sounding { start, end, ring, pitch, velocity, loudness, muted, channel, program, part, voice };
                self.held.insert((number, pitch), note);
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                self.release(tick, number, key.as_int());
            }
            MidiMessage::ProgramChange { program } => channel.program = program.as_int(),
            MidiMessage::PitchBend { bend } => {
                channel.bend = i32::from(bend.as_int());
                self.bend(tick, number);
            }
            MidiMessage::Controller { controller, value } => {
                let value = value.as_int();
                match controller.as_int() {
                    64 => self.press_pedal(tick, number, value >= 64),
                    // All sound off, all notes off.
                    120 | 123 => self.silence_all(tick, number),
                    7 => {
                        channel.volume = value;
                        self.swell(number);
                    }
                    11 => {
                        channel.expression = value;
                        self.swell(number);
                    }
                    101 => (channel.parameter.0, channel.is_registered) = (value, true),
                    100 => (channel.parameter.1, channel.is_registered) = (value, true),
                    98 | 99 => channel.is_registered = false,
                    121 => self.reset_controllers(tick, number),
                    entry @ (6 | 38) if channel.is_registered => {
                        channel.enter(value, entry == 6);
                        self.bend(tick, number);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn bend(&mut self, tick: u32, number: u8) {
        let index = usize::from(number);
        if let (Some(channel), Some(bends)) = (self.channels.get(index), self.bends.get_mut(index)) {
            let cents = channel.detune();
            if bends.last().map_or(0, |&(_, last)| last) != cents {
                bends.push((tick, cents));
            }
        }
    }

    /// Resets what "Reset All Controllers" does: expression, pedal, parameters, bend; volume and program stay. (MIDI
    /// Manufacturers Association, RP-015.)
    fn reset_controllers(&mut self, tick: u32, number: u8) {
        let Some(channel) = self.channels.get_mut(usize::from(number)) else { return };
        channel.reset();
        self.swell(number);
        self.press_pedal(tick, number, false);
        self.bend(tick, number);
    }

    /// Notes that began while their channel was muted are as loud as it becomes.
    fn swell(&mut self, number: u8) {
        let Some(channel) = self.channels.get_mut(usize::from(number)) else { return };
        let gain = channel.gain();
        if gain <= channel.peak {
            return;
        }
        channel.peak = gain;
        let (first, last) = ((number, 0), (number, 127));
        for (_, note) in self.held.range_mut(first..=last).chain(self.ringing.range_mut(first..=last)) {
            if note.muted {
                note.loudness = note.loudness.max(loudness(note.velocity, gain));
            }
        }
    }

    /// A key is let go; the pedal may hold its note.
    fn release(&mut self, tick: u32, channel: u8, pitch: u8) {
        let Some(note) = self.held.remove(&(channel, pitch)) else { return };
        let note = Sounding { end: tick, ring: tick, ..note };
        if self.channels.get(usize::from(channel)).is_some_and(|channel| channel.pedal) {
            self.ringing.insert((channel, pitch), note);
        } else {
            self.finish_note(note, Reason::Empty);
        }
    }

    /// A note falls silent, whatever holds it; `unheard` says why, if it has only just begun.
    fn silence(&mut self, tick: u32, channel: u8, pitch: u8, unheard: Reason) {
        let held = self.held.remove(&(channel, pitch)).map(|note| Sounding { end: tick, ring: tick, ..note });
        let ringing = self.ringing.remove(&(channel, pitch)).map(|note| Sounding { ring: tick, ..note });
        for note in ringing.into_iter().chain(held) {
            self.finish_note(note, unheard);
        }
    }

    /// All notes of a channel fall silent, from low to high.
    fn silence_all(&mut self, tick: u32, channel: u8) {
        let notes = (channel, 0)..=(channel, 127);
        let sounding = self.held.range(notes.clone()).chain(self.ringing.range(notes));
        let pitches: BTreeSet<u8> = sounding.map(|(&(_, pitch), _)| pitch).collect();
        for pitch in pitches {
            self.silence(tick, channel, pitch, Reason::Empty);
        }
    }

    fn press_pedal(&mut self, tick: u32, channel: u8, down: bool) {
        if let Some(channel) = self.channels.get_mut(usize::from(channel)) {
            channel.pedal = down;
        }
        if down {
            return;
        }
        let pitches: Vec<u8> =
            self.ringing.range((channel, 0)..=(channel, 127)).map(|(&(_, pitch), _)| pitch).collect();
        for pitch in pitches {
            if let Some(note) = self.ringing.remove(&(channel, pitch)) {
                self.finish_note(Sounding { ring: tick, ..note }, Reason::Empty);
            }
        }
    }

    fn finish_note(&mut self, note: Sounding, unheard: Reason) {
        // A key that is let go at once: the pedal alone makes it sound.
        let note = if note.end > note.start { note } else { Sounding { end: note.ring, ..note } };
        if note.start >= note.end {
            self.lose(note.start, note.channel, note.pitch, unheard);
        } else if note.loudness <= 0.0 {
            self.lose(note.start, note.channel, note.pitch, Reason::Muted);
        } else {
            self.notes.push(note);
        }
    }

    fn lose(&mut self, tick: u32, channel: u8, pitch: u8, reason: Reason) {
        self.lost.push(Lost { tick, channel, pitch, reason });
    }

    /// From MIDI time to ticks, from loudness to levels: the loudest note of the file gets 15.
    fn finish(mut self, last: u64, clock: &Clock, report: &mut Report) -> Result<Source, TokenizerError> {
        let end = u32::try_from(last).unwrap_or(u32::MAX);
        for (channel, pitch) in self.held.keys().chain(self.ringing.keys()).copied().collect::<Vec<_>>() {
            self.silence(end, channel, pitch, Reason::Empty);
        }
        if self.notes.is_empty() && self.hits.is_empty() {
            let lost = |reason| self.lost.iter().filter(|lost| lost.reason == reason).count();
            let found = match (lost(Reason::Muted), lost(Reason::Empty)) {
                (0, 0) => "none".to_owned(),
                (0, empty) => format!("none but {empty} that end where they begin"),
                (muted, _) => format!("none but {muted} of muted channels"),
            };
            return Err(malformed(0, "a MIDI file with notes", found));
        }
        let length = TokenizerError::check_ticks(clock.tick(last))?;
        let at = |tick: u32| Ticks::saturating(clock.tick(u64::from(tick))); // none is later
        let lost = std::mem::take(&mut self.lost);
        for Lost { tick, channel, pitch, reason } in lost {
            report.lose(at(tick), channel, pitch, reason);
        }
        self.casting.check()?;
        // What is chosen for a voice leaves nothing to find out about it.
        let has = |voice| self.casting.has(voice);
        let basses = if has(Voice::Tr) { BTreeSet::new() } else { bass_instruments(&self.notes) };
        let lead = if has(Voice::P1) { None } else { leading_part(&self.notes, &basses, self.leaders) };
        let bass = if has(Voice::Tr) || !basses.is_empty() { None } else { bass_part(&self.notes, lead) };
        let all = self.notes.iter().map(|note| note.loudness).chain(self.hits.iter().map(|&(.., loudness)| loudness));
        let loudest = all.fold(f64::MIN_POSITIVE, f64::max);
        // A synthesizer's amplitude falls faster than its velocity, the chip has 15 steps only: a mild curve keeps both.
        let level = |loudness: f64| ((loudness / loudest).powf(0.7) * 15.0).round().clamp(1.0, 15.0) as u8;
        let first = self.notes.iter().map(|note| note.start).chain(self.hits.iter().map(|&(start, ..)| start)).min();
        report.lead_in = first.map_or(0, |tick| at(tick).get());
        let mut source = Source { length, ..Source::default() };
        let hits = std::mem::take(&mut self.hits).into_iter();
        source.hits = hits.map(|(tick, key, loud)| Hit { start: at(tick), key, level: level(loud) }).collect();
        for (ticks, bends) in source.bends.iter_mut().zip(std::mem::take(&mut self.bends)) {
            *ticks = bends.into_iter().map(|(tick, cents)| (at(tick), cents)).collect();
        }
        let played = |note: Sounding| {
            let Sounding { pitch, channel, part, .. } = note;
            let (start, end) = (at(note.start), at(note.end));
            if start >= end {
                report.lose(start, channel, pitch, Reason::Empty);
                return None;
            }
            let (lead, bass) = if let Some(voice) = note.voice {
                (voice == Voice::P1, voice == Voice::Tr)
            } else {
                let is_instrument = is_bass(note.program) && basses.contains(&part);
                (lead == Some(part), is_instrument || bass == Some(part))
            };
            let ring = at(note.ring).clamp(end, Ticks::saturating(end.get() + LONGEST_RING));
            let (level, counter) = (level(note.loudness), note.voice == Some(Voice::P2));
            Some(Played { start, end, ring, pitch, level, channel, part, lead, bass, counter })
        };
        source.notes = std::mem::take(&mut self.notes).into_iter().filter_map(played).collect();
        source.notes.shrink_to_fit();
        source.notes.sort_by_key(|note| (note.start, note.pitch, note.end));
        Ok(source)
    }
}
