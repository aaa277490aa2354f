//! The faulty disk must lose exactly what a real one may lose, or the tests above it lie.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{AlignedBytes, DIRECT_ALIGN, Disk, File, OpenMode};

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn written(disk: &FaultyDisk, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.open(path(name), OpenMode::Create).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

#[test]
fn a_file_whose_directory_was_not_synced_is_gone_even_if_its_data_was() {
    let disk = FaultyDisk::new();
    written(&disk, "/a", b"data").sync_data().unwrap();
    assert_eq!(disk.crash(CrashImage::Synced).bytes(path("/a")), None);
    assert_eq!(
        disk.crash(CrashImage::All).bytes(path("/a")).unwrap(),
        b"data"
    );
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(
        disk.crash(CrashImage::Synced).bytes(path("/a")).unwrap(),
        b"data"
    );
}

#[test]
fn what_is_done_before_an_opening_may_use_the_disk_and_panic() {
    let disk = FaultyDisk::new();
    written(&disk, "/a", b"a");
    let same = disk.clone();
    disk.before_opens_of("b", move || {
        written(&same, "/c", b"c");
        panic!("as the test wants it");
    });
    let open = AssertUnwindSafe(|| disk.open(path("/b"), OpenMode::Create));
    let opened = catch_unwind(open);
    assert!(opened.is_err());
    assert!(disk.exists(path("/c")).unwrap() && !disk.exists(path("/b")).unwrap());
    assert!(disk.open(path("/a"), OpenMode::Read).is_ok());
}

#[test]
fn unsynced_bytes_are_gone_and_synced_ones_stay() {
    let disk = FaultyDisk::new();
    let file = written(&disk, "/a", &[1; 600]);
    file.sync_data().unwrap();
    disk.sync_dir(path("/")).unwrap();
    file.write_all_at(&[2; 1200], 600).unwrap();
    assert_eq!(
        disk.crash(CrashImage::Synced).bytes(path("/a")).unwrap(),
        vec![1; 600]
    );
    for seed in 0..50 {
        let left = disk
            .crash(CrashImage::Torn(seed))
            .bytes(path("/a"))
            .unwrap();
        assert!(left.len() >= 600 && left.len() <= 1800, "{}", left.len());
        assert!(
            left[..600].iter().all(|b| *b == 1),
            "synced bytes may not change"
        );
    }
}

#[test]
fn a_torn_crash_tears_at_sectors() {
    let disk = FaultyDisk::new();
    let file = written(&disk, "/a", &[0; 4096]);
    file.sync_data().unwrap();
    disk.sync_dir(path("/")).unwrap();
    file.write_all_at(&[7; 4096], 0).unwrap();
    let mut mixed = 0;
    for seed in 0..20 {
        let left = disk
            .crash(CrashImage::Torn(seed))
            .bytes(path("/a"))
            .unwrap();
        for sector in left.chunks(SECTOR_BYTES) {
            assert!(sector.iter().all(|b| *b == sector[0]));
        }
        mixed += i32::from(left.contains(&0) && left.contains(&7));
    }
    assert!(mixed > 10);
}

#[test]
fn a_rename_happens_whole_or_not_at_all() {
    let disk = FaultyDisk::new();
    written(&disk, "/new", b"new").sync_data().unwrap();
    written(&disk, "/old", b"old").sync_data().unwrap();
    disk.sync_dir(path("/")).unwrap();
    disk.rename(path("/new"), path("/old")).unwrap();
    for seed in 0..20 {
        let left = disk.crash(CrashImage::Torn(seed));
        let old = left.bytes(path("/old")).unwrap();
        assert_eq!(old == b"new", left.bytes(path("/new")).is_none());
    }
    assert_eq!(
        disk.crash(CrashImage::Synced).bytes(path("/old")).unwrap(),
        b"old"
    );
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(
        disk.crash(CrashImage::Synced).bytes(path("/old")).unwrap(),
        b"new"
    );
}

#[test]
fn a_directory_moves_with_all_that_is_in_it() {
    let disk = FaultyDisk::new();
    disk.create_dir_all(path("/d/e")).unwrap();
    written(&disk, "/d/e/f", b"x").sync_data().unwrap();
    disk.sync_file_system(path("/")).unwrap();
    disk.rename(path("/d"), path("/g")).unwrap();
    assert_eq!(disk.bytes(path("/g/e/f")).unwrap(), b"x");
    assert_eq!(
        disk.crash(CrashImage::Synced)
            .bytes(path("/d/e/f"))
            .unwrap(),
        b"x"
    );
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(
        disk.crash(CrashImage::Synced)
            .bytes(path("/g/e/f"))
            .unwrap(),
        b"x"
    );
    disk.remove_dir_all(path("/g")).unwrap();
    assert!(disk.files().is_empty());
}

#[test]
fn a_second_sync_after_a_failed_one_succeeds_and_the_data_is_gone() {
    let disk = FaultyDisk::new();
    let file = written(&disk, "/a", b"data");
    disk.sync_dir(path("/")).unwrap();
    disk.fail_syncs_of(Some("/a"));
    assert!(file.sync_data().is_err());
    disk.fail_syncs_of(None);
    file.sync_data().unwrap();
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"data");
    assert_ne!(
        disk.crash(CrashImage::Synced).bytes(path("/a")).unwrap(),
        b"data"
    );
}

#[test]
fn after_the_ordered_operation_nothing_works_any_more() {
    let disk = FaultyDisk::new();
    disk.crash_after(2);
    let file = written(&disk, "/a", b"data");
    assert!(file.sync_data().is_err());
    assert!(disk.open(path("/b"), OpenMode::Create).is_err());
    assert!(file.len().is_err());
    assert_eq!(disk.operations(), 2);
}

#[test]
fn a_full_disk_takes_what_fits_and_refuses_the_rest() {
    let disk = FaultyDisk::new();
    disk.set_capacity_bytes(Some(6));
    let file = written(&disk, "/a", b"1234");
    let error = file.write_all_at(b"5678", 4).unwrap_err();
    assert!(crate::is_out_of_space(&error));
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"123456");
    file.set_len(4).unwrap();
    assert_eq!(disk.free_bytes(path("/")).unwrap(), 2);
}

#[test]
fn short_writes_are_continued() {
    let disk = FaultyDisk::new();
    disk.set_short_writes(true);
    written(&disk, "/a", b"0123456789");
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"0123456789");
}

#[test]
fn a_map_shows_what_the_file_has_and_a_cut_below_it_is_noticed() {
    let disk = FaultyDisk::new();
    let file = written(&disk, "/a", b"0123456789");
    let map = file.map(6).unwrap();
    assert_eq!(&map[..], b"012345");
    assert!(file.map(11).is_err());
    assert!(file.map(0).unwrap().is_empty());
    file.set_len(6).unwrap();
    assert_eq!((disk.maps_cut(), disk.live_maps()), (0, 1));
    file.set_len(5).unwrap();
    assert_eq!(disk.maps_cut(), 1);
    drop(disk.open(path("/a"), OpenMode::Truncate).unwrap());
    assert_eq!(disk.maps_cut(), 2);
    drop((map, file));
    assert_eq!((disk.live_maps(), disk.open_files()), (0, 0));
}

#[test]
fn a_direct_write_must_be_aligned_and_still_needs_its_sync() {
    let disk = FaultyDisk::new();
    written(&disk, "/a", b"data").sync_data().unwrap();
    disk.sync_dir(path("/")).unwrap();
    let direct = disk.open(path("/a"), OpenMode::Direct).unwrap();
    let mut bytes = AlignedBytes::with_capacity(2 * DIRECT_ALIGN);
    bytes.grow(2 * DIRECT_ALIGN).unwrap().fill(7);
    for (part, position) in [
        (&bytes[..100], 0),
        (&bytes[512..512 + DIRECT_ALIGN], 0),
        (&bytes[..DIRECT_ALIGN], 512),
    ] {
        let refused = direct.write_all_at(part, position).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    }
    disk.set_short_writes(true);
    direct.write_all_at(&bytes, 0).unwrap();
    assert_eq!(disk.bytes(path("/a")).unwrap(), &bytes[..]);
    let after_crash = || disk.crash(CrashImage::Synced).bytes(path("/a")).unwrap();
    assert_eq!(after_crash(), b"data");
    direct.write_back(0, DIRECT_ALIGN as u64).unwrap();
    assert_eq!(after_crash(), b"data");
    direct.sync_data().unwrap();
    assert_eq!(after_crash(), &bytes[..]);
    disk.set_refuses_direct(true);
    let refused = disk.open(path("/a"), OpenMode::Direct).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    assert!(disk.open(path("/b"), OpenMode::Direct).is_err());
}

#[test]
fn a_write_back_that_fails_leaves_nothing_for_the_next_sync_to_find() {
    let disk = FaultyDisk::new();
    let file = written(&disk, "/a", b"data");
    disk.sync_dir(path("/")).unwrap();
    disk.fail_write_backs_of(Some("/a"));
    assert!(file.write_back(0, 4).is_err());
    file.sync_data().unwrap();
    let left = disk.crash(CrashImage::Synced).bytes(path("/a")).unwrap();
    assert_ne!(left, b"data");
}
