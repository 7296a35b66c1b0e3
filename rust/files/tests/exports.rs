//! Exports: the same bytes to every sink, whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::{fs, io};

use lakhnes_files::album::Album;
use lakhnes_files::batch::{pool_of, run};
use lakhnes_files::{
    Batch, Edits, Encoder, Encoding, Export, ExportOptions, FileError, Format, Job, Played, ReadOptions, Sink, Source,
    Target, export, read, read_track,
};

const SONG: &[u8] = b"P1_NOTEON_69\nTR_NOTEON_45\nWT_22050\nP1_NOTEOFF\nWT_22050\nTR_NOTEOFF";

fn song() -> Played<'static> {
    read(SONG, Format::named("tx1").unwrap()).unwrap()
}

/// An empty folder, by the name of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// An encoder that writes the number of the samples that it gets.
struct Counter;

struct Count(PathBuf, usize);

impl Encoder for Counter {
    fn open(&self, path: &Path, _: &str, _: u32, _: u16) -> io::Result<Box<dyn Encoding>> {
        Ok(Box::new(Count(path.to_owned(), 0)))
    }
}

impl Encoding for Count {
    fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.1 += samples.len();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        fs::write(&self.0, self.1.to_string())
    }
}

#[test]
fn a_file_and_a_stream_get_the_same_bytes() {
    let (folder, options) = (folder("same"), ExportOptions::default());
    let how = Export { encoder: &Counter, ..Export::new(&options) };
    for name in ["tx2", "mid", "vgz", "rawsco.npz", "wav", "flac"] {
        let (format, path) = (Format::named(name).unwrap(), folder.join(name));
        let mut stream = Vec::new();
        export(&song(), format, &how, Sink::Stream(&mut stream)).unwrap();
        export(&song(), format, &how, Sink::File { path: &path, overwrite: false }).unwrap();
        assert_eq!(fs::read(&path).unwrap(), stream, "{name}");
    }
    assert_eq!(fs::read_to_string(folder.join("flac")).unwrap(), "44100");
}

#[test]
fn an_existing_file_is_kept_and_a_stopped_export_leaves_nothing() {
    let (folder, options) = (folder("kept"), ExportOptions::default());
    let wav = Format::named("wav").unwrap();
    let path = folder.join("a.wav");
    fs::write(&path, "mine").unwrap();
    let error = export(&song(), wav, &Export::new(&options), Sink::File { path: &path, overwrite: false }).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: exists already (--force replaces it)", path.display()));
    let how = Export { stop: &AtomicBool::new(true), ..Export::new(&options) };
    let stopped = export(&song(), wav, &how, Sink::File { path: &path, overwrite: true });
    assert!(matches!(stopped, Err(FileError::Stopped)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_batch_goes_on_past_a_bad_file_which_its_error_names() {
    let folder = folder("batch");
    let job = |name: &str, data: &'static [u8]| Job {
        name: name.to_owned(),
        source: Source::Bytes(Box::new(data)),
        format: Format::named("tx1").unwrap(),
        track: None,
        target: Target::File(folder.join(format!("{name}.wav"))),
        title: String::new(),
    };
    let jobs = [job("a", SONG), job("bad", b"WT_5\nhello"), job("c", SONG)];
    let batch = Batch {
        format: Format::named("wav").unwrap(),
        edits: Edits::default(),
        max_run: None,
        options: ExportOptions::default(),
        encoder: &Counter,
        stems: true,
        overwrite: false,
    };
    let results = Mutex::new(vec![String::new(); 3]);
    let work = |index: usize, stop: &_| batch.run(&jobs[index], stop);
    let report = |index: usize, result: Result<lakhnes_files::Exported, FileError>| {
        results.lock().unwrap()[index] =
            result.map_or_else(|error| error.to_string(), |done| done.files.len().to_string());
        Ok::<(), ()>(())
    };
    run(&pool_of(2, jobs.len()).unwrap(), jobs.len(), work, report, || Ok(())).unwrap();
    let results = results.into_inner().unwrap();
    assert_eq!((results[0].as_str(), results[2].as_str()), ("4", "4"));
    assert!(results[1].starts_with("bad: line 2: expected"), "{}", results[1]);
    assert!(folder.join("c.tr.wav").exists());
}

/// Two songs, the second of which does not end; and one that is none.
fn album_jobs() -> Vec<Job> {
    let job = |name: &str, data: &'static [u8]| Job {
        name: name.to_owned(),
        source: Source::Bytes(Box::new(data)),
        format: Format::named("tx1").unwrap(),
        track: None,
        target: Target::Stream(Mutex::new(Box::new(io::sink()))),
        title: name.to_owned(),
    };
    vec![job("One", SONG), job("Bad", b"hello"), job("Two", b"P1_NOTEON_80\nWT_44100\nP1_NOTEOFF")]
}

fn batch(format: &str, max_run: Option<u64>) -> Batch<'static> {
    Batch {
        format: Format::named(format).unwrap(),
        edits: Edits::default(),
        max_run,
        options: ExportOptions::default(),
        encoder: &Counter,
        stems: false,
        overwrite: false,
    }
}

#[test]
fn songs_become_the_tracks_of_an_album_and_its_tracks_songs() {
    for name in ["nsf", "nsfe"] {
        let (batch, jobs) = (batch(name, None), album_jobs());
        let mut album = Album::new(jobs.len()).unwrap();
        for (index, job) in jobs.iter().enumerate() {
            match batch.album_song(job) {
                Ok(song) => album.put(index, song).unwrap(),
                Err(error) => assert!(error.to_string().starts_with("Bad: line 1: expected"), "{error}"),
            }
        }
        let mut file = Vec::new();
        album.write(batch.format, "An album", Sink::Stream(&mut file)).unwrap();
        for (track, pitches) in [(1, vec![69]), (2, vec![80])] {
            let options = ReadOptions { track: Some(track), notes: true, ..ReadOptions::default() };
            let song = read_track(&file, batch.format, &options).unwrap();
            let song = song.song(false).unwrap();
            assert_eq!(song.tracks()[0].notes.iter().map(|note| note.pitch.get()).collect::<Vec<_>>(), pitches);
        }
        let missing = read_track(&file, batch.format, &ReadOptions { track: Some(3), ..ReadOptions::default() });
        assert_eq!(missing.unwrap_err().to_string(), "track: expected 1 to 2, found 3");
        let vgm = Format::named("vgm").unwrap();
        assert!(album.write(vgm, "", Sink::Stream(&mut file)).unwrap_err().to_string().contains("nsf nsfe"));
    }
    assert!(Album::new(256).is_err());
}

#[test]
fn only_files_of_several_songs_have_tracks() {
    let options = ReadOptions { track: Some(1), ..ReadOptions::default() };
    let error = read_track(SONG, Format::named("tx1").unwrap(), &options).unwrap_err();
    assert_eq!(error.to_string(), "tx1, expected NSF or NSFe to choose a track");
}
