//! All thumbs: 100,000 to begin with, and those that `rateVideo` adds while the demo runs.
//!
//! When the services share a process they share one [`Ratings`], in place of the stream of events by which the profile
//! team would hear of new ratings. A service that runs alone (`--only`) knows only the changes that it made itself.

use std::cmp::Reverse;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, FIRST_VIDEO, REVIEWS, Random};

const TOTAL: usize = 100_000;
/// Ratings of Paul, fewer than the others have: what a person may want to read to the end.
const OF_PAUL: usize = 150;
/// The newest rating of the catalogue: 2026-01-01, midnight.
const NEWEST: u64 = 1_767_225_600;

/// What somebody thinks of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Thumb {
    ThumbsUp,
    ThumbsDown,
    None,
}

#[derive(Clone, Copy)]
pub(crate) struct Rating {
    pub(crate) thumb: Thumb,
    /// Seconds since 1970, UTC.
    pub(crate) rated_at: u64,
}

/// The thumbs of one video, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) up: u32,
    pub(crate) down: u32,
}

/// Something that somebody wrote.
pub(crate) struct Review {
    pub(crate) profile: usize,
    pub(crate) rating: Rating,
    pub(crate) text: &'static str,
}

/// Thumbs by profile and video. Profiles are indices of the catalogue, videos are ids.
pub(crate) struct Ratings(RwLock<Tables>);

struct Tables {
    /// Per profile, the oldest first.
    by_profile: Vec<IndexMap<u32, Rating>>,
    /// Per video, from [`FIRST_VIDEO`].
    scores: Vec<Score>,
}

impl Ratings {
    pub(crate) fn generate(catalogue: &Catalogue) -> Self {
        let mut random = Random::new(0x7408B);
        let mut scores = vec![Score::default(); catalogue.videos.len()];
        let profiles = catalogue.profiles.len();
        let by_profile = (0..profiles)
            .map(|profile| {
                // Pairs from both ends have the same sum, so that the total is exact.
                let usual = TOTAL / profiles;
                let spread = if profile == 0 || profile == profiles - 1 {
                    usual - OF_PAUL
                } else {
                    profile.min(profiles - 1 - profile) * 4 % 300
                };
                let count = if profile < profiles / 2 { usual - spread } else { usual + spread };
                history(&mut random, profile, count, &mut scores)
            })
            .collect();
        Self(RwLock::new(Tables { by_profile, scores }))
    }

    pub(crate) fn get(&self, profile: usize, video: u32) -> Option<Rating> {
        self.read().by_profile[profile].get(&video).copied()
    }

    /// Ids of all videos that the profile rated, the newest first.
    pub(crate) fn videos_of(&self, profile: usize) -> Vec<u32> {
        self.read().by_profile[profile].keys().rev().copied().collect()
    }

    /// The newest first.
    pub(crate) fn newest_of(&self, profile: usize, first: usize) -> Vec<(u32, Rating)> {
        self.read().by_profile[profile].iter().rev().take(first).map(|(video, rating)| (*video, *rating)).collect()
    }

    /// The video must exist.
    pub(crate) fn score(&self, video: u32) -> Score {
        self.read().scores[slot(video)]
    }

    /// Ids of the videos with the most thumbs up, those down subtracted.
    pub(crate) fn top(&self, first: usize) -> Vec<u32> {
        let tables = self.read();
        let mut videos: Vec<u32> = (0..tables.scores.len() as u32).map(|slot| slot + FIRST_VIDEO).collect();
        videos.sort_by_key(|video| {
            let Score { up, down } = tables.scores[slot(*video)];
            (Reverse(i64::from(up) - i64::from(down)), *video)
        });
        videos.truncate(first);
        videos
    }

    /// What some of those wrote who rated the video, the newest first.
    pub(crate) fn reviews(&self, video: u32, first: usize) -> Vec<Review> {
        let mut random = Random::new(u64::from(video));
        let tables = self.read();
        let raters = tables.by_profile.iter().enumerate().filter_map(|(profile, ratings)| {
            let rating = *ratings.get(&video)?;
            Some(Review { profile, rating, text: random.pick(&REVIEWS) })
        });
        let mut reviews: Vec<Review> = raters.step_by(3).collect();
        reviews.sort_by_key(|review| Reverse(review.rating.rated_at));
        reviews.truncate(first);
        reviews
    }

    /// Returns the thumb that was there before. The video must exist.
    pub(crate) fn rate(&self, profile: usize, video: u32, thumb: Thumb) -> Thumb {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = tables.by_profile[profile].shift_remove(&video).map_or(Thumb::None, |rating| rating.thumb);
        tables.scores[slot(video)].count(before, -1);
        tables.scores[slot(video)].count(thumb, 1);
        if thumb != Thumb::None {
            tables.by_profile[profile].insert(video, Rating { thumb, rated_at: now() });
        }
        before
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // A panic elsewhere leaves whole values behind: each change is a few assignments.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Score {
    fn count(&mut self, thumb: Thumb, by: i32) {
        match thumb {
            Thumb::ThumbsUp => self.up = self.up.saturating_add_signed(by),
            Thumb::ThumbsDown => self.down = self.down.saturating_add_signed(by),
            Thumb::None => {}
        }
    }
}

/// What one profile rated before the demo began, the oldest first.
fn history(random: &mut Random, profile: usize, count: usize, scores: &mut [Score]) -> IndexMap<u32, Rating> {
    let videos = scores.len() as u32;
    // A stride without a common factor with the 5,000 visits every video before it visits one again.
    let stride = random.below(videos / 10) * 10 + 3;
    let mut slot = random.below(videos);
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        // The famous ones come later, where all can have them.
        if slot >= FAMOUS {
            order.push(slot);
        }
        slot = (slot + stride) % videos;
    }
    // Most people know most of the famous ones. Paul saw all of them, and the first of them last.
    for famous in (0..FAMOUS).rev() {
        let place = if profile == 0 { count - 1 - famous as usize } else { random.below(count as u32) as usize };
        if order[place] >= FAMOUS && (profile == 0 || random.chance(80)) {
            order[place] = famous;
        }
    }
    let mut age = 0;
    let mut ratings: Vec<(u32, Rating)> = order
        .into_iter()
        .rev()
        .map(|slot| {
            age += u64::from(random.between(600, 72_000));
            let thumb = thumb(random, profile, slot);
            scores[slot as usize].count(thumb, 1);
            (slot + FIRST_VIDEO, Rating { thumb, rated_at: NEWEST - age })
        })
        .collect();
    ratings.reverse();
    ratings.into_iter().collect()
}

/// Slots of the videos that everybody knows.
const FAMOUS: u32 = 28;
const NARCOS: u32 = 2;

fn thumb(random: &mut Random, profile: usize, slot: u32) -> Thumb {
    // Each video has its own share of friends; the famous ones have more.
    let liked = if slot < FAMOUS { 85 } else { 30 + slot * 7 % 60 };
    if random.chance(liked) || (profile == 0 && slot == NARCOS) { Thumb::ThumbsUp } else { Thumb::ThumbsDown }
}

fn slot(video: u32) -> usize {
    (video - FIRST_VIDEO) as usize
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(NEWEST, |elapsed| elapsed.as_secs())
}

/// Seconds since 1970 as RFC 3339: `2026-01-01T00:00:00Z`.
pub(crate) fn timestamp(seconds: u64) -> String {
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_know_leap_years() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(timestamp(NEWEST), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_hundred_thousand_ratings_each_counted_once() {
        let catalogue = Catalogue::generate();
        let ratings = Ratings::generate(&catalogue);
        let tables = ratings.read();
        let of_profiles: usize = tables.by_profile.iter().map(IndexMap::len).sum();
        let of_scores: u32 = tables.scores.iter().map(|score| score.up + score.down).sum();
        assert_eq!((of_profiles, of_scores), (TOTAL, TOTAL as u32));
        assert_eq!(tables.by_profile[0].len(), OF_PAUL);
        for history in &tables.by_profile {
            assert!(history.values().is_sorted_by_key(|rating| rating.rated_at));
        }
    }

    #[test]
    fn a_new_thumb_replaces_the_old_one_and_none_takes_it_back() {
        let catalogue = Catalogue::generate();
        let ratings = Ratings::generate(&catalogue);
        let narcos = FIRST_VIDEO + NARCOS;
        let Score { up, down } = ratings.score(narcos);

        assert_eq!(ratings.rate(0, narcos, Thumb::ThumbsDown), Thumb::ThumbsUp);
        assert_eq!(ratings.score(narcos), Score { up: up - 1, down: down + 1 });
        assert_eq!(ratings.videos_of(0)[0], narcos, "what was rated last comes first");

        assert_eq!(ratings.rate(0, narcos, Thumb::None), Thumb::ThumbsDown);
        assert_eq!(ratings.score(narcos), Score { up: up - 1, down });
        assert!(ratings.get(0, narcos).is_none());
        assert_eq!(ratings.videos_of(0).len(), OF_PAUL - 1);
    }
}
