//! The profile service: a GraphQL service of the federation, written with async-graphql.
//!
//! `schema/profile.graphql` is its fragment; a test holds the two together. Everything that is looked up by key goes
//! through a data loader, as it would if a database were behind it: a hundred representations are one batch.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{
    ComplexObject, Context, EmptyMutation, EmptySubscription, ID, Object, Result, Schema, SimpleObject,
};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;

use super::catalogue::{Catalogue, Plan, ProfileKind};
use super::ratings::Ratings;
use super::stats::Counter;
use super::{PAUL, PROFILE_HEADER};

type ProfileSchema = Schema<Query, EmptyMutation, EmptySubscription>;

pub(crate) fn router(catalogue: Arc<Catalogue>, ratings: Arc<Ratings>, counter: Counter) -> Router {
    Router::new().route("/graphql", post(answer)).with_state(schema(catalogue, ratings, counter))
}

fn schema(catalogue: Arc<Catalogue>, ratings: Arc<Ratings>, counter: Counter) -> ProfileSchema {
    let loader = DataLoader::new(Store { catalogue: Arc::clone(&catalogue), counter }, tokio::spawn);
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .data(catalogue)
        .data(ratings)
        .data(loader)
        .finish()
}

async fn answer(State(schema): State<ProfileSchema>, headers: HeaderMap, request: GraphQLRequest) -> GraphQLResponse {
    let viewer =
        headers.get(PROFILE_HEADER).map_or(PAUL.to_owned(), |id| String::from_utf8_lossy(id.as_bytes()).into());
    schema.execute(request.into_inner().data(Viewer(viewer))).await.into()
}

/// The id of the profile that looks.
struct Viewer(String);

struct Query;

#[Object]
impl Query {
    /// The profile that looks at the page, by the header `x-profile-id`; Paul's without one.
    async fn current_profile(&self, ctx: &Context<'_>) -> Result<Option<Profile>> {
        load_profile(ctx, &ctx.data::<Viewer>()?.0).await
    }

    /// One profile, or null where there is none with that id.
    async fn profile(&self, ctx: &Context<'_>, #[graphql(desc = "`p1`, `p2`, …")] id: ID) -> Result<Option<Profile>> {
        load_profile(ctx, &id).await
    }

    /// Profiles in the order of their ids.
    async fn profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at the most.", default = 20)] first: i32,
        #[graphql(desc = "Only profiles of this kind.")] kind: Option<ProfileKind>,
    ) -> Result<Vec<Profile>> {
        let catalogue = ctx.data::<Arc<Catalogue>>()?;
        let profiles = (0..catalogue.profiles.len()).map(|index| Profile::new(catalogue, index));
        let of_kind = profiles.filter(|profile| kind.is_none_or(|kind| profile.kind == kind));
        Ok(of_kind.take(usize::try_from(first).unwrap_or_default()).collect())
    }

    /// One household, or null. It is identified by two fields together: a composite key.
    async fn household(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Two letters, ISO 3166.")] country: String,
        #[graphql(desc = "Counted per country, from 1.")] number: i32,
    ) -> Result<Option<Household>> {
        load_household(ctx, country, number).await
    }

    #[graphql(entity)]
    async fn profile_entity(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Profile>> {
        load_profile(ctx, &id).await
    }

    #[graphql(entity)]
    async fn household_entity(&self, ctx: &Context<'_>, country: String, number: i32) -> Result<Option<Household>> {
        load_household(ctx, country, number).await
    }

    /// Another team's entity: any pair of ids is one as far as this service knows.
    #[graphql(entity)]
    async fn rating_entity(&self, profile_id: ID, video_id: ID) -> Rating {
        Rating { profile_id, video_id }
    }
}

/// Somebody who watches: a person of a household, with a taste and a history of their own.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
struct Profile {
    /// `p1`, `p2`, …
    id: ID,
    /// What the person is called on the screen.
    name: String,
    /// The address of a picture.
    avatar: Option<String>,
    /// The language of the screens, BCP 47.
    language: String,
    /// Whom the profile is for.
    kind: ProfileKind,
    /// In the catalogue.
    #[graphql(skip)]
    index: usize,
    /// The household's key.
    #[graphql(skip)]
    household_key: (String, i32),
}

#[ComplexObject]
impl Profile {
    /// Whether it is a child's.
    #[graphql(deprecation = "Ask for `kind`.")]
    async fn is_kid(&self) -> bool {
        self.kind == ProfileKind::Kid
    }

    /// The household that pays for it.
    async fn household(&self, ctx: &Context<'_>) -> Result<Household> {
        let (country, number) = self.household_key.clone();
        load_household(ctx, country, number).await?.ok_or_else(|| "a profile without a household".into())
    }

    /// The ids of all videos that the profile gave a thumb, the newest first.
    async fn rated_video_ids(&self, ctx: &Context<'_>) -> Result<Vec<ID>> {
        Ok(ctx.data::<Arc<Ratings>>()?.videos_of(self.index).into_iter().map(ID::from).collect())
    }
}

/// The people who share one subscription.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
struct Household {
    /// Two letters, ISO 3166.
    country: String,
    /// Counted per country, from 1.
    number: i32,
    /// What they pay for.
    plan: Plan,
    #[graphql(skip)]
    members: Vec<String>,
}

#[ComplexObject]
impl Household {
    /// Everybody in it.
    async fn profiles(&self, ctx: &Context<'_>) -> Result<Vec<Profile>> {
        let mut found = ctx.data::<DataLoader<Store>>()?.load_many(self.members.iter().cloned()).await?;
        Ok(self.members.iter().filter_map(|id| found.remove(id)).collect())
    }
}

// The rating team's entity, to which this team adds a name. That team describes it: a doc comment would be a second description.
#[derive(SimpleObject)]
#[graphql(complex)]
struct Rating {
    profile_id: ID,
    video_id: ID,
}

#[ComplexObject]
impl Rating {
    /// The name of the profile that rated.
    async fn profile_name(&self, ctx: &Context<'_>) -> Result<String> {
        let profile = load_profile(ctx, &self.profile_id).await?;
        profile.map(|profile| profile.name).ok_or_else(|| "there is no such profile".into())
    }
}

async fn load_profile(ctx: &Context<'_>, id: &str) -> Result<Option<Profile>> {
    Ok(ctx.data::<DataLoader<Store>>()?.load_one(id.to_owned()).await?)
}

async fn load_household(ctx: &Context<'_>, country: String, number: i32) -> Result<Option<Household>> {
    Ok(ctx.data::<DataLoader<Store>>()?.load_one((country, number)).await?)
}

/// What would be a database: each `load` is one query of it.
struct Store {
    catalogue: Arc<Catalogue>,
    counter: Counter,
}

impl Loader<String> for Store {
    type Value = Profile;
    type Error = Infallible;

    async fn load(&self, ids: &[String]) -> Result<HashMap<String, Profile>, Infallible> {
        self.counter.count_batch("profiles");
        let found = ids.iter().filter_map(|id| Some((id, self.catalogue.profile(id)?)));
        Ok(found.map(|(id, index)| (id.clone(), Profile::new(&self.catalogue, index))).collect())
    }
}

impl Loader<(String, i32)> for Store {
    type Value = Household;
    type Error = Infallible;

    async fn load(&self, keys: &[(String, i32)]) -> Result<HashMap<(String, i32), Household>, Infallible> {
        self.counter.count_batch("households");
        let found = keys.iter().filter_map(|key| {
            let index = self.catalogue.household(&key.0, u32::try_from(key.1).ok()?)?;
            Some((key.clone(), Household::new(&self.catalogue, index)))
        });
        Ok(found.collect())
    }
}

impl Profile {
    fn new(catalogue: &Catalogue, index: usize) -> Self {
        let profile = &catalogue.profiles[index];
        let household = &catalogue.households[profile.household];
        let id = format!("p{}", index + 1);
        Self {
            name: profile.name.clone(),
            // Every seventh person has not chosen a picture.
            avatar: (index % 7 != 6).then(|| format!("https://images.example/avatars/{id}.png")),
            language: profile.language.to_owned(),
            kind: profile.kind,
            index,
            household_key: (household.country.to_owned(), household.number as i32),
            id: ID(id),
        }
    }
}

impl Household {
    fn new(catalogue: &Catalogue, index: usize) -> Self {
        let household = &catalogue.households[index];
        Self {
            country: household.country.to_owned(),
            number: household.number as i32,
            plan: household.plan,
            members: household.profiles.iter().map(|index| format!("p{}", index + 1)).collect(),
        }
    }
}
