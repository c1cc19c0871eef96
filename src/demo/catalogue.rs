//! The data behind the demo: 5,000 videos, the people in them, 200 profiles in their households.
//!
//! In: nothing. Out: [`Catalogue`], the same on every machine, built in a few milliseconds and never changed.
//! Thumbs are in [`super::ratings`], because they do change.

mod random;
mod words;

use std::collections::HashSet;

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

pub(crate) use random::Random;
pub(crate) use words::REVIEWS;

/// The id of the first video; the others follow without a gap.
pub(crate) const FIRST_VIDEO: u32 = 80_001;

const VIDEOS: usize = 5_000;
const PEOPLE: usize = 1_500;
const PROFILES: usize = 200;

/// Everything that the services know from the start.
pub(crate) struct Catalogue {
    /// By id, from [`FIRST_VIDEO`].
    pub(crate) videos: Vec<Video>,
    /// `people[n]` has the id `n{n + 1}`.
    pub(crate) people: Vec<Person>,
    /// `profiles[n]` has the id `p{n + 1}`; the first one is Paul's.
    pub(crate) profiles: Vec<Profile>,
    pub(crate) households: Vec<Household>,
}

pub(crate) struct Video {
    pub(crate) id: u32,
    pub(crate) title: String,
    pub(crate) kind: VideoKind,
    pub(crate) synopsis: String,
    pub(crate) year: u16,
    pub(crate) maturity: Maturity,
    /// Of a movie.
    pub(crate) runtime_minutes: Option<u32>,
    pub(crate) genres: Vec<Genre>,
    pub(crate) similar: Vec<u32>,
    pub(crate) credits: Vec<Credit>,
    /// None for a movie.
    pub(crate) seasons: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum VideoKind {
    Movie,
    Series,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Maturity {
    All,
    Teen,
    Mature,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Genre {
    Action,
    Animation,
    Comedy,
    Crime,
    Documentary,
    Drama,
    Fantasy,
    Horror,
    Romance,
    ScienceFiction,
    Thriller,
}

/// Who did what for a video; `person` is an index in [`Catalogue::people`].
pub(crate) struct Credit {
    pub(crate) person: usize,
    pub(crate) part: Part,
}

pub(crate) enum Part {
    Character(&'static str),
    Job(Job),
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Job {
    Director,
    Writer,
    Composer,
}

pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) born: u16,
    /// Ids, the newest first.
    pub(crate) videos: Vec<u32>,
}

#[derive(Serialize)]
pub(crate) struct Season {
    pub(crate) number: u32,
    pub(crate) year: u16,
    pub(crate) episodes: Vec<Episode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Episode {
    pub(crate) series_id: u32,
    pub(crate) season: u32,
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) runtime_minutes: u32,
}

pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) language: &'static str,
    pub(crate) kind: ProfileKind,
    /// Index in [`Catalogue::households`].
    pub(crate) household: usize,
}

/// Whom a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ProfileKind {
    /// A grown-up: sees everything.
    Adult,
    /// A child: sees what is meant for children.
    Kid,
}

pub(crate) struct Household {
    pub(crate) country: &'static str,
    /// Counted per country, from 1.
    pub(crate) number: u32,
    pub(crate) plan: Plan,
    /// Indices in [`Catalogue::profiles`].
    pub(crate) profiles: Vec<usize>,
}

/// What a household pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum Plan {
    /// One screen, with advertisements.
    Basic,
    /// Two screens.
    Standard,
    /// Four screens, and the best picture.
    Premium,
}

impl Catalogue {
    pub(crate) fn generate() -> Self {
        let mut random = Random::new(0x57EF7);
        let mut people = people(&mut random);
        let videos = videos(&mut random);
        for index in newest_first(&videos) {
            for credit in &videos[index].credits {
                people[credit.person].videos.push(videos[index].id);
            }
        }
        let (profiles, households) = profiles(&mut random);
        Self { videos, people, profiles, households }
    }

    pub(crate) fn video(&self, id: u32) -> Option<&Video> {
        self.videos.get(id.checked_sub(FIRST_VIDEO)? as usize)
    }

    /// Index of the person with the id `n{index + 1}`.
    pub(crate) fn person(&self, id: &str) -> Option<usize> {
        numbered(id, 'n', self.people.len())
    }

    /// Index of the profile with the id `p{index + 1}`.
    pub(crate) fn profile(&self, id: &str) -> Option<usize> {
        numbered(id, 'p', self.profiles.len())
    }

    pub(crate) fn household(&self, country: &str, number: u32) -> Option<usize> {
        self.households.iter().position(|household| household.country == country && household.number == number)
    }
}

impl Video {
    /// Made on demand, from the video's id alone: some 40,000 episodes need not lie in memory.
    pub(crate) fn seasons(&self) -> Vec<Season> {
        (1..=self.seasons).map(|number| self.season(number)).collect()
    }

    fn season(&self, number: u32) -> Season {
        let mut random = Random::new((u64::from(self.id) << 8) | u64::from(number));
        let usual_minutes = random.pick(&[24, 42, 55]);
        let episodes = (1..=random.between(6, 10))
            .map(|episode| Episode {
                series_id: self.id,
                season: number,
                number: episode,
                title: episode_title(&mut random),
                runtime_minutes: usual_minutes + random.below(9),
            })
            .collect();
        Season { number, year: self.year + number as u16 - 1, episodes }
    }
}

/// `p17` → 16, if there is such a one.
fn numbered(id: &str, prefix: char, len: usize) -> Option<usize> {
    let index = number(id.strip_prefix(prefix)?)?.checked_sub(1)? as usize;
    (index < len).then_some(index)
}

/// One object has one id: `+7` and `07` are not 7.
pub(crate) fn number(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
}

fn newest_first(videos: &[Video]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..videos.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse((videos[*index].year, videos[*index].id)));
    order
}

fn people(random: &mut Random) -> Vec<Person> {
    let mut taken = HashSet::new();
    (0..PEOPLE)
        .map(|_| {
            let name = loop {
                let name = format!("{} {}", random.pick(&words::FIRST_NAMES), random.pick(&words::LAST_NAMES));
                if taken.insert(name.clone()) {
                    break name;
                }
            };
            Person { name, born: random.between(1930, 2004) as u16, videos: Vec::new() }
        })
        .collect()
}

fn videos(random: &mut Random) -> Vec<Video> {
    let mut taken = HashSet::new();
    (0..VIDEOS)
        .map(|index| {
            let famous = words::FAMOUS.get(index);
            let kind = famous.map_or_else(|| random.pick(&[VideoKind::Movie, VideoKind::Series]), |f| f.1);
            let title = famous.map_or_else(|| unused_title(random, &mut taken), |f| f.0.to_owned());
            let year = famous.map_or_else(|| random.between(1960, 2025) as u16, |f| f.2);
            let genres = famous.map_or_else(|| genres(random), |f| f.3.to_vec());
            let synopsis = format!(
                "In {}, a {} {}.",
                random.pick(&words::PLACES),
                random.pick(&words::JOBS),
                random.pick(&words::DEEDS)
            );
            Video {
                id: FIRST_VIDEO + index as u32,
                title,
                kind,
                synopsis,
                year,
                maturity: maturity(&genres),
                runtime_minutes: (kind == VideoKind::Movie).then(|| random.between(78, 165)),
                genres,
                similar: similar(random, index),
                credits: credits(random),
                seasons: if kind == VideoKind::Series { random.between(1, 5) } else { 0 },
            }
        })
        .collect()
}

fn unused_title(random: &mut Random, taken: &mut HashSet<String>) -> String {
    let mut title = title(random);
    let mut part = 1;
    while !taken.insert(title.clone()) {
        // Whatever has been there before comes back as a sequel.
        part += 1;
        let first = title.rsplit_once(" Part ").map_or(title.as_str(), |(first, _)| first);
        title = format!("{first} Part {part}");
    }
    title
}

fn title(random: &mut Random) -> String {
    let adjective = random.pick(&words::ADJECTIVES);
    let noun = random.pick(&words::NOUNS);
    match random.below(6) {
        0 => format!("The {adjective} {noun}"),
        1 => format!("{adjective} {noun}"),
        2 => format!("The {noun} of {}", random.pick(&words::PLACES)),
        3 => format!("{adjective} {}", random.pick(&words::PLACES)),
        4 => format!("{}'s {noun}", random.pick(&words::FIRST_NAMES)),
        _ => format!("{} and the {noun}", random.pick(&words::FIRST_NAMES)),
    }
}

fn episode_title(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("The {}", random.pick(&words::NOUNS)),
        1 => format!("{} {}", random.pick(&words::ADJECTIVES), random.pick(&words::NOUNS)),
        _ => random.pick(&words::PLACES).to_owned(),
    }
}

fn genres(random: &mut Random) -> Vec<Genre> {
    let mut genres = Vec::new();
    for _ in 0..random.between(1, 3) {
        let genre = random.pick(&words::GENRES);
        if !genres.contains(&genre) {
            genres.push(genre);
        }
    }
    genres
}

fn maturity(genres: &[Genre]) -> Maturity {
    let is_any = |some: &[Genre]| genres.iter().any(|genre| some.contains(genre));
    if is_any(&[Genre::Crime, Genre::Horror]) {
        Maturity::Mature
    } else if is_any(&[Genre::Action, Genre::Drama, Genre::Thriller]) {
        Maturity::Teen
    } else {
        Maturity::All
    }
}

/// Four other videos.
fn similar(random: &mut Random, index: usize) -> Vec<u32> {
    let start = random.between(1, 900);
    (0..4).map(|n| FIRST_VIDEO + (index as u32 + start + n * 997) % VIDEOS as u32).collect()
}

fn credits(random: &mut Random) -> Vec<Credit> {
    let parts = [
        Part::Job(Job::Director),
        Part::Job(random.pick(&[Job::Writer, Job::Composer])),
        Part::Character(random.pick(&words::FIRST_NAMES)),
        Part::Character(random.pick(&words::LAST_NAMES)),
    ];
    // A stride apart, so that nobody is credited twice for one video.
    let first = random.below(PEOPLE as u32) as usize;
    let stride = random.between(1, 300) as usize;
    parts.into_iter().enumerate().map(|(n, part)| Credit { person: (first + n * stride) % PEOPLE, part }).collect()
}

fn profiles(random: &mut Random) -> (Vec<Profile>, Vec<Household>) {
    let mut profiles = Vec::with_capacity(PROFILES);
    let mut households: Vec<Household> = Vec::new();
    while profiles.len() < PROFILES {
        let country = households.len() % words::COUNTRIES.len();
        let members = random.between(1, 4).min((PROFILES - profiles.len()) as u32) as usize;
        for member in 0..members {
            let name = if profiles.is_empty() { "Paul" } else { random.pick(&words::FIRST_NAMES) };
            profiles.push(Profile {
                name: name.to_owned(),
                language: words::LANGUAGES[country],
                kind: if member >= 2 || (member == 1 && random.chance(20)) {
                    ProfileKind::Kid
                } else {
                    ProfileKind::Adult
                },
                household: households.len(),
            });
        }
        households.push(Household {
            country: words::COUNTRIES[country],
            number: (households.len() / words::COUNTRIES.len()) as u32 + 1,
            plan: random.pick(&[Plan::Basic, Plan::Standard, Plan::Standard, Plan::Premium]),
            profiles: (profiles.len() - members..profiles.len()).collect(),
        });
    }
    (profiles, households)
}
