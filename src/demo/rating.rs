//! The rating service: HTTP and JSON, and the only one that can be told something new.
//!
//! Who looks is in the header `x-profile-id`; without it, Paul looks.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, Random, number};
use super::http::{Failure, VideoId, page};
use super::ratings::{Ratings, Score, Thumb, timestamp};
use super::{PAUL, PROFILE_HEADER};

/// Thumbs change, so nobody reuses an answer; in need an old one is better than none.
const IN_NEED_ONLY: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "max-age=0, stale-if-error=3600")];

#[derive(Clone)]
struct Data {
    catalogue: Arc<Catalogue>,
    ratings: Arc<Ratings>,
}

pub(crate) fn router(catalogue: Arc<Catalogue>, ratings: Arc<Ratings>) -> Router {
    Router::new()
        .route("/ratings", get(history).post(rate))
        .route("/ratings/batch", post(batch))
        .route("/ratings/top", get(top))
        .route("/ratings/{profile}/{video}", get(rating))
        .route("/videos/{video}/reviews", get(reviews))
        .route("/episodes/scores", post(episode_scores))
        .with_state(Data { catalogue, ratings })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchBody {
    /// Whose thumbs; those of the one who looks if it is left out.
    profile_id: Option<String>,
    video_ids: Vec<VideoId>,
}

async fn batch(
    State(data): State<Data>,
    headers: HeaderMap,
    Json(body): Json<BatchBody>,
) -> Result<impl IntoResponse, Failure> {
    let profile = match &body.profile_id {
        Some(id) => data.catalogue.profile(id).ok_or(Failure::NotFound("profile"))?,
        None => data.viewer(&headers)?,
    };
    let videos = body.video_ids.iter().filter_map(|id| Some(data.catalogue.video(id.0?)?.id));
    let found: Vec<VideoRating> = videos.map(|video| data.video_rating(profile, video)).collect();
    Ok((IN_NEED_ONLY, Json(found)))
}

#[derive(Deserialize)]
struct First {
    first: Option<i64>,
}

async fn top(
    State(data): State<Data>,
    headers: HeaderMap,
    Query(query): Query<First>,
) -> Result<impl IntoResponse, Failure> {
    let profile = data.viewer(&headers)?;
    let top = data.ratings.top(page(query.first, 10));
    let found: Vec<VideoRating> = top.into_iter().map(|video| data.video_rating(profile, video)).collect();
    Ok((IN_NEED_ONLY, Json(found)))
}

/// One profile's thumb for one video.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rating {
    profile_id: String,
    video_id: u32,
    thumb: Thumb,
    rated_at: String,
}

async fn rating(
    State(data): State<Data>,
    Path((profile, video)): Path<(String, String)>,
) -> Result<impl IntoResponse, Failure> {
    let find = || {
        let (index, video_id) = (data.catalogue.profile(&profile)?, number(&video)?);
        let rating = data.ratings.get(index, video_id)?;
        Some(Rating {
            profile_id: profile_id(index),
            video_id,
            thumb: rating.thumb,
            rated_at: timestamp(rating.rated_at),
        })
    };
    Ok((IN_NEED_ONLY, Json(find().ok_or(Failure::NotFound("rating"))?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryQuery {
    profile_id: String,
    first: Option<i64>,
}

async fn history(State(data): State<Data>, Query(query): Query<HistoryQuery>) -> Result<impl IntoResponse, Failure> {
    let profile = data.catalogue.profile(&query.profile_id).ok_or(Failure::NotFound("profile"))?;
    let newest = data.ratings.newest_of(profile, page(query.first, 20)).into_iter();
    let found: Vec<Rating> = newest
        .map(|(video_id, rating)| Rating {
            profile_id: profile_id(profile),
            video_id,
            thumb: rating.thumb,
            rated_at: timestamp(rating.rated_at),
        })
        .collect();
    Ok((IN_NEED_ONLY, Json(found)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateBody {
    /// The one who looks if it is left out.
    profile_id: Option<String>,
    video_id: VideoId,
    thumb: Thumb,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rated {
    profile_id: String,
    previous_thumb: Thumb,
    #[serde(flatten)]
    video: VideoRating,
}

async fn rate(
    State(data): State<Data>,
    headers: HeaderMap,
    Json(body): Json<RateBody>,
) -> Result<impl IntoResponse, Failure> {
    let profile = match &body.profile_id {
        Some(id) => data.catalogue.profile(id).ok_or(Failure::NotFound("profile"))?,
        None => data.viewer(&headers)?,
    };
    let video = body.video_id.0.and_then(|id| data.catalogue.video(id)).ok_or(Failure::NotFound("video"))?.id;
    let previous_thumb = data.ratings.rate(profile, video, body.thumb);
    Ok(Json(Rated { profile_id: profile_id(profile), previous_thumb, video: data.video_rating(profile, video) }))
}

async fn reviews(
    State(data): State<Data>,
    Path(video): Path<String>,
    Query(query): Query<First>,
) -> Result<impl IntoResponse, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Review {
        id: String,
        profile_id: String,
        thumb: Thumb,
        text: &'static str,
        written_at: String,
    }
    let video = number(&video).and_then(|id| data.catalogue.video(id)).ok_or(Failure::NotFound("video"))?.id;
    let reviews = data.ratings.reviews(video, page(query.first, 3)).into_iter();
    let found: Vec<Review> = reviews
        .map(|review| Review {
            id: format!("{video}-{}", profile_id(review.profile)),
            profile_id: profile_id(review.profile),
            thumb: review.rating.thumb,
            text: review.text,
            written_at: timestamp(review.rating.rated_at),
        })
        .collect();
    Ok((IN_NEED_ONLY, Json(found)))
}

#[derive(Deserialize)]
struct EpisodesBody {
    episodes: Vec<EpisodeKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EpisodeKey {
    series_id: VideoId,
    season: u32,
    number: u32,
}

async fn episode_scores(State(data): State<Data>, Json(body): Json<EpisodesBody>) -> impl IntoResponse {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct EpisodeScore {
        series_id: u32,
        season: u32,
        number: u32,
        score: ScoreView,
    }
    let found: Vec<EpisodeScore> = body
        .episodes
        .iter()
        .filter_map(|key| {
            let series_id = data.catalogue.video(key.series_id.0?)?.id;
            // Nobody rates episodes in the demo's catalogue: these scores follow from the key alone.
            let mut random =
                Random::new(u64::from(series_id) << 20 ^ u64::from(key.season) << 10 ^ u64::from(key.number));
            let score = Score { up: random.between(20, 400), down: random.between(0, 60) };
            Some(EpisodeScore { series_id, season: key.season, number: key.number, score: score.into() })
        })
        .collect();
    (IN_NEED_ONLY, Json(found))
}

/// What one profile, and what all think of a video.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VideoRating {
    video_id: u32,
    thumb: Thumb,
    rated_at: Option<String>,
    score: ScoreView,
}

#[derive(Serialize)]
struct ScoreView {
    up: u32,
    down: u32,
    approval: Option<f64>,
}

impl From<Score> for ScoreView {
    fn from(Score { up, down }: Score) -> Self {
        let all = f64::from(up) + f64::from(down);
        Self { up, down, approval: (all > 0.0).then(|| (f64::from(up) / all * 100.0).round() / 100.0) }
    }
}

impl Data {
    fn viewer(&self, headers: &HeaderMap) -> Result<usize, Failure> {
        let id = headers.get(PROFILE_HEADER).map_or(Ok(PAUL), |id| id.to_str());
        id.ok().and_then(|id| self.catalogue.profile(id)).ok_or(Failure::NotFound("profile"))
    }

    fn video_rating(&self, profile: usize, video_id: u32) -> VideoRating {
        let rating = self.ratings.get(profile, video_id);
        VideoRating {
            video_id,
            thumb: rating.map_or(Thumb::None, |rating| rating.thumb),
            rated_at: rating.map(|rating| timestamp(rating.rated_at)),
            score: self.ratings.score(video_id).into(),
        }
    }
}

fn profile_id(index: usize) -> String {
    format!("p{}", index + 1)
}
