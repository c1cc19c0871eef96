//! The video service: HTTP and JSON, without any knowledge of GraphQL.
//!
//! What many videos, series or people are asked for by `?ids=1,2,3`: unknown ids are left out of the answer.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::catalogue::{self, Catalogue, Genre, Job, Maturity, Part, Season, VideoKind, number};
use super::http::{Failure, page, public};

const MINUTE: &str = "public, max-age=60";
const FIVE_MINUTES: &str = "public, max-age=300";

type Data = State<Arc<Catalogue>>;

pub(crate) fn router(catalogue: Arc<Catalogue>) -> Router {
    Router::new()
        .route("/videos", get(videos))
        .route("/videos/{id}", get(video))
        .route("/series", get(series))
        .route("/series/{id}/seasons/{season}/episodes/{episode}", get(episode))
        .route("/people", get(people))
        .route("/search", get(search))
        .with_state(catalogue)
}

async fn video(State(catalogue): Data, Path(id): Path<String>) -> Result<impl IntoResponse, Failure> {
    let video = number(&id).and_then(|id| catalogue.video(id)).ok_or(Failure::NotFound("video"))?;
    Ok(public(MINUTE, Video::new(&catalogue, video)).into_response())
}

#[derive(Deserialize)]
struct VideosQuery {
    /// These, in this order; everything else is ignored then.
    ids: Option<String>,
    kind: Option<VideoKind>,
    genre: Option<Genre>,
    year: Option<u16>,
    #[serde(default)]
    order: Order,
    first: Option<i64>,
    #[serde(default)]
    skip: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Order {
    #[default]
    Title,
    Newest,
}

async fn videos(State(catalogue): Data, Query(query): Query<VideosQuery>) -> impl IntoResponse {
    let found: Vec<&catalogue::Video> = match &query.ids {
        Some(ids) => ids.split(',').filter_map(|id| catalogue.video(number(id)?)).collect(),
        None => list(&catalogue, &query),
    };
    let found: Vec<Video> = found.into_iter().map(|video| Video::new(&catalogue, video)).collect();
    public(MINUTE, found).into_response()
}

fn list<'a>(catalogue: &'a Catalogue, query: &VideosQuery) -> Vec<&'a catalogue::Video> {
    let matches = |video: &&catalogue::Video| {
        query.kind.is_none_or(|kind| video.kind == kind)
            && query.genre.is_none_or(|genre| video.genres.contains(&genre))
            && query.year.is_none_or(|year| video.year == year)
    };
    let mut found: Vec<_> = catalogue.videos.iter().filter(matches).collect();
    match query.order {
        Order::Title => found.sort_by_key(|video| (&video.title, video.id)),
        Order::Newest => found.sort_by_key(|video| (std::cmp::Reverse(video.year), video.id)),
    }
    found.into_iter().skip(query.skip as usize).take(page(query.first, 20)).collect()
}

#[derive(Deserialize)]
struct Ids {
    ids: String,
}

async fn series(State(catalogue): Data, Query(query): Query<Ids>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct Series {
        id: u32,
        seasons: Vec<Season>,
    }
    let all = query.ids.split(',').filter_map(|id| catalogue.video(number(id)?));
    let series = all.filter(|video| video.kind == VideoKind::Series);
    let found: Vec<Series> = series.map(|video| Series { id: video.id, seasons: video.seasons() }).collect();
    public(FIVE_MINUTES, found).into_response()
}

async fn episode(
    State(catalogue): Data,
    Path((id, season, episode)): Path<(String, String, String)>,
) -> Result<impl IntoResponse, Failure> {
    let find = || {
        let (season, episode) = (number(&season)?, number(&episode)?);
        let seasons = catalogue.video(number(&id)?)?.seasons();
        let season = seasons.into_iter().find(|s| s.number == season)?;
        season.episodes.into_iter().find(|e| e.number == episode)
    };
    Ok(public(FIVE_MINUTES, find().ok_or(Failure::NotFound("episode"))?).into_response())
}

async fn people(State(catalogue): Data, Query(query): Query<Ids>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct WithVideos<'a> {
        #[serde(flatten)]
        person: Person<'a>,
        videos: Vec<Reference>,
    }
    let found = query.ids.split(',').filter_map(|id| catalogue.person(id));
    let found: Vec<WithVideos<'_>> = found
        .map(|index| WithVideos {
            person: Person::new(&catalogue, index),
            videos: catalogue.people[index].videos.iter().map(|id| Reference { id: *id }).collect(),
        })
        .collect();
    public(FIVE_MINUTES, found).into_response()
}

#[derive(Deserialize)]
struct SearchQuery {
    text: String,
    first: Option<i64>,
}

/// Videos and people in one list: `type` tells which is which.
async fn search(State(catalogue): Data, Query(query): Query<SearchQuery>) -> impl IntoResponse {
    let text = query.text.to_lowercase();
    let matches = |name: &str| name.to_lowercase().contains(&text);
    let videos = catalogue.videos.iter().filter(|video| matches(&video.title));
    let people = catalogue.people.iter().enumerate().filter(|(_, person)| matches(&person.name));
    let found: Vec<_> = videos
        .map(|video| json!({"type": "video", "id": video.id, "title": video.title}))
        .chain(people.map(|(index, person)| json!({"type": "person", "id": person_id(index), "name": person.name})))
        .take(page(query.first, 10))
        .collect();
    Json(found)
}

/// A video as the service tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    id: u32,
    title: &'a str,
    kind: VideoKind,
    synopsis: &'a str,
    year: u16,
    maturity: Maturity,
    runtime_minutes: Option<u32>,
    genres: &'a [Genre],
    /// Where the seasons are found; null for a movie.
    series_id: Option<u32>,
    similar: Vec<Reference>,
    credits: Vec<Credit<'a>>,
}

#[derive(Serialize)]
struct Reference {
    id: u32,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Credit<'a> {
    Role { person: Person<'a>, character: &'a str },
    Job { person: Person<'a>, job: Job },
}

#[derive(Serialize)]
struct Person<'a> {
    id: String,
    name: &'a str,
    born: u16,
}

impl<'a> Video<'a> {
    fn new(catalogue: &'a Catalogue, video: &'a catalogue::Video) -> Self {
        let credits = video.credits.iter().map(|credit| {
            let person = Person::new(catalogue, credit.person);
            match credit.part {
                Part::Character(character) => Credit::Role { person, character },
                Part::Job(job) => Credit::Job { person, job },
            }
        });
        Self {
            id: video.id,
            title: &video.title,
            kind: video.kind,
            synopsis: &video.synopsis,
            year: video.year,
            maturity: video.maturity,
            runtime_minutes: video.runtime_minutes,
            genres: &video.genres,
            series_id: (video.kind == VideoKind::Series).then_some(video.id),
            similar: video.similar.iter().map(|id| Reference { id: *id }).collect(),
            credits: credits.collect(),
        }
    }
}

impl<'a> Person<'a> {
    fn new(catalogue: &'a Catalogue, index: usize) -> Self {
        let person = &catalogue.people[index];
        Self { id: person_id(index), name: &person.name, born: person.born }
    }
}

fn person_id(index: usize) -> String {
    format!("n{}", index + 1)
}
