//! What a MIDI file plays: notes with their loudness and as the pedal holds them, drum hits, pitch bends.

use std::collections::{BTreeMap, BTreeSet};

use midly::{MetaMessage, MidiMessage, TrackEventKind};

use super::casting::{Casting, PartName};
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

/// The channel of the drums, from 0 (General MIDI).
pub(super) const DRUMS: u8 = 9;

/// How long the pedal holds a note at most, in ticks, after its key is let go (2 s): a string's sound would be gone then.
const LONGEST_RING: u64 = 2 * TICKS_PER_SECOND;

/// A note of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Played {
    pub(super) start: u64,
    /// Where its key is let go.
    pub(super) end: u64,
    /// Where it falls silent: later, if the pedal holds it.
    pub(super) ring: u64,
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
    pub(super) start: u64,
    pub(super) key: u8,
    pub(super) level: u8,
}

/// Pitch bends of a channel: from which tick on, how many cents.
pub(super) type Bends = Vec<(u64, i32)>;

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
type Message = (u64, u16, u8, MidiMessage);

pub(super) fn read(bytes: &[u8], chosen: &[(Voice, PartName)], report: &mut Report) -> Result<Source, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let mut file = File::default();
    let extent = walk(bytes, Tracks::All, &mut file)?;
    file.messages.sort_by_key(|&(tick, ..)| tick);
    let clock = Clock::new(extent.timing, std::mem::take(&mut file.tempos));
    let mut band = Band::new(&file.leaders, Casting::new(chosen, file.names));
    for &(tick, track, channel, message) in &file.messages {
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
                self.messages.push((now, self.track, channel.as_int(), message));
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

/// What a channel is set to.
#[derive(Clone, Copy)]
struct Channel {
    program: u8,
    /// Controller 7, and controller 11.
    volume: u8,
    expression: u8,
    /// The registered parameter that was chosen last (0 is the range of the pitch bend, 1 and 2 are fine and coarse tuning),
    /// and whether data entry is for it rather than for a parameter that is not registered.
    parameter: (u8, u8),
    is_registered: bool,
    bend: i32,
    /// In cents.
    bend_range: i32,
    /// In semitones, and in 8,192ths of one.
    coarse: i32,
    fine: i32,
    /// Whether the sustain pedal is down (controller 64).
    pedal: bool,
    /// The highest gain since a muted note began: only a higher one makes such notes louder.
    peak: f64,
}

/// The widest range of the pitch bend, in semitones, as guitars on a keyboard use.
const WIDEST_BEND: u8 = 96;

/// The number that selects no registered parameter.
const NO_PARAMETER: (u8, u8) = (127, 127);

impl Channel {
    /// How loud its notes are beside those of General MIDI's own settings.
    fn gain(&self) -> f64 {
        f64::from(self.volume) / 100.0 * f64::from(self.expression) / 127.0
    }

    /// How many cents its notes sound above their keys.
    const fn detune(&self) -> i32 {
        self.bend * self.bend_range / 8_192 + 100 * self.coarse + 100 * self.fine / 8_192
    }

    /// Data entry for the registered parameter, its coarse or its fine half. (MIDI 1.0 Detailed Specification, "Registered
    /// Parameter Numbers".)
    fn enter(&mut self, value: u8, is_coarse: bool) {
        let value = i32::from(value);
        match (self.parameter, is_coarse) {
            ((0, 0), true) => self.bend_range = 100 * value.min(i32::from(WIDEST_BEND)),
            ((0, 0), false) => self.bend_range = self.bend_range / 100 * 100 + value.min(99),
            ((0, 1), true) => self.fine = ((value << 7) - 8_192) | (self.fine & 0x7F),
            ((0, 1), false) => self.fine = (self.fine & !0x7F) | value,
            ((0, 2), true) => self.coarse = value - 64,
            _ => {}
        }
    }
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
    hits: Vec<(u64, u8, f64)>,
    bends: [Bends; 16],
}

impl<'a> Band<'a> {
    fn new(leaders: &'a [u16], casting: Casting<'a>) -> Self {
        // General MIDI's settings at power-up.
        let channel = Channel {
            program: 0,
            volume: 100,
            expression: 127,
            parameter: NO_PARAMETER,
            is_registered: true,
            bend: 0,
            bend_range: 200,
            coarse: 0,
            fine: 0,
            pedal: false,
            peak: 0.0,
        };
        Self {
            leaders,
            casting,
            channels: [channel; 16],
            held: BTreeMap::new(),
            ringing: BTreeMap::new(),
            notes: Vec::new(),
            hits: Vec::new(),
            bends: Default::default(),
        }
    }

    fn receive(&mut self, tick: u64, track: u16, number: u8, message: MidiMessage, report: &mut Report) {
        let Some(channel) = self.channels.get_mut(usize::from(number)) else { return };
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                report.notes += 1;
                let velocity = f64::from(vel.as_int()) / 127.0;
                let loudness = velocity * channel.gain();
                let muted = loudness <= 0.0;
                if muted {
                    channel.peak = 0.0;
                }
                let (pitch, program) = (key.as_int(), channel.program);
                let part = (track, number);
                let voice = self.casting.voice(part);
                if voice == Some(Voice::No) || number == DRUMS && voice.is_none() {
                    if muted {
                        return report.lose(tick, number, pitch, Reason::Muted);
                    }
                    self.hits.push((tick, pitch, loudness));
                    return;
                }
                self.silence(tick, number, pitch, Reason::Doubled, report);
                let (start, end, ring, channel) = (tick, tick, tick, number);
                let note =
                    Sounding { start, end, ring, pitch, velocity, loudness, muted, channel, program, part, voice };
                self.held.insert((number, pitch), note);
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                self.release(tick, number, key.as_int(), report);
            }
            MidiMessage::ProgramChange { program } => channel.program = program.as_int(),
            MidiMessage::PitchBend { bend } => {
                channel.bend = i32::from(bend.as_int());
                self.bend(tick, number);
            }
            MidiMessage::Controller { controller, value } => {
                let value = value.as_int();
                match controller.as_int() {
                    64 => self.press_pedal(tick, number, value >= 64, report),
                    // All sound off, all notes off.
                    120 | 123 => self.silence_all(tick, number, report),
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
                    121 => self.reset_controllers(tick, number, report),
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

    fn bend(&mut self, tick: u64, number: u8) {
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
    fn reset_controllers(&mut self, tick: u64, number: u8, report: &mut Report) {
        let Some(channel) = self.channels.get_mut(usize::from(number)) else { return };
        (channel.expression, channel.parameter, channel.is_registered, channel.bend) = (127, NO_PARAMETER, true, 0);
        self.swell(number);
        self.press_pedal(tick, number, false, report);
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
                note.loudness = note.loudness.max(note.velocity * gain);
            }
        }
    }

    /// A key is let go; the pedal may hold its note.
    fn release(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut Report) {
        let Some(note) = self.held.remove(&(channel, pitch)) else { return };
        let note = Sounding { end: tick, ring: tick, ..note };
        if self.channels.get(usize::from(channel)).is_some_and(|channel| channel.pedal) {
            self.ringing.insert((channel, pitch), note);
        } else {
            self.finish_note(note, Reason::Empty, report);
        }
    }

    /// A note falls silent, whatever holds it; `unheard` says why, if it has only just begun.
    fn silence(&mut self, tick: u64, channel: u8, pitch: u8, unheard: Reason, report: &mut Report) {
        let held = self.held.remove(&(channel, pitch)).map(|note| Sounding { end: tick, ring: tick, ..note });
        let ringing = self.ringing.remove(&(channel, pitch)).map(|note| Sounding { ring: tick, ..note });
        for note in ringing.into_iter().chain(held) {
            self.finish_note(note, unheard, report);
        }
    }

    /// All notes of a channel fall silent, from low to high.
    fn silence_all(&mut self, tick: u64, channel: u8, report: &mut Report) {
        let notes = (channel, 0)..=(channel, 127);
        let sounding = self.held.range(notes.clone()).chain(self.ringing.range(notes));
        let pitches: BTreeSet<u8> = sounding.map(|(&(_, pitch), _)| pitch).collect();
        for pitch in pitches {
            self.silence(tick, channel, pitch, Reason::Empty, report);
        }
    }

    fn press_pedal(&mut self, tick: u64, channel: u8, down: bool, report: &mut Report) {
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
                self.finish_note(Sounding { ring: tick, ..note }, Reason::Empty, report);
            }
        }
    }

    fn finish_note(&mut self, note: Sounding, unheard: Reason, report: &mut Report) {
        // A key that is let go at once: the pedal alone makes it sound.
        let note = if note.end > note.start { note } else { Sounding { end: note.ring, ..note } };
        if note.start >= note.end {
            report.lose(note.start, note.channel, note.pitch, unheard);
        } else if note.loudness <= 0.0 {
            report.lose(note.start, note.channel, note.pitch, Reason::Muted);
        } else {
            self.notes.push(note);
        }
    }

    /// From MIDI time to ticks, from loudness to levels: the loudest note of the file gets 15.
    fn finish(mut self, last: u64, clock: &Clock, report: &mut Report) -> Result<Source, TokenizerError> {
        for (channel, pitch) in self.held.keys().chain(self.ringing.keys()).copied().collect::<Vec<_>>() {
            self.silence(last, channel, pitch, Reason::Empty, report);
        }
        for lost in &mut report.unplaced {
            lost.tick = clock.tick(lost.tick);
        }
        if self.notes.is_empty() && self.hits.is_empty() {
            let lost = |reason| report.unplaced.iter().filter(|lost| lost.reason == reason).count();
            let found = match (lost(Reason::Muted), lost(Reason::Empty)) {
                (0, 0) => "none".to_owned(),
                (0, empty) => format!("none but {empty} that end where they begin"),
                (muted, _) => format!("none but {muted} of muted channels"),
            };
            return Err(malformed(0, "a MIDI file with notes", found));
        }
        let length = TokenizerError::check_ticks(clock.tick(last))?;
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
        let mut source = Source { length, ..Source::default() };
        for note in &self.notes {
            let (start, end) = (clock.tick(note.start), clock.tick(note.end));
            if start >= end {
                report.lose(start, note.channel, note.pitch, Reason::Empty);
                continue;
            }
            let (lead, bass) = if let Some(voice) = note.voice {
                (voice == Voice::P1, voice == Voice::Tr)
            } else {
                let is_instrument = is_bass(note.program) && basses.contains(&note.part);
                (lead == Some(note.part), is_instrument || bass == Some(note.part))
            };
            let Sounding { pitch, channel, part, .. } = *note;
            let ring = clock.tick(note.ring).clamp(end, end + LONGEST_RING);
            source.notes.push(Played {
                start,
                end,
                ring,
                pitch,
                level: level(note.loudness),
                channel,
                part,
                lead,
                bass,
                counter: note.voice == Some(Voice::P2),
            });
        }
        source.notes.sort_by_key(|note| (note.start, note.pitch, note.end));
        let first = self.notes.iter().map(|note| note.start).chain(self.hits.iter().map(|&(start, ..)| start)).min();
        report.lead_in = first.map_or(0, |tick| clock.tick(tick));
        let hits = self.hits.iter();
        source.hits = hits.map(|&(tick, key, loud)| Hit { start: clock.tick(tick), key, level: level(loud) }).collect();
        for (ticks, bends) in source.bends.iter_mut().zip(&self.bends) {
            *ticks = bends.iter().map(|&(tick, cents)| (clock.tick(tick), cents)).collect();
        }
        Ok(source)
    }
}
