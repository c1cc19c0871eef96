//! What failed: the failures of a request, and their codes.
//!
//! In: load errors, answers of the wrong shape, the errors that services report themselves. Out: [`Failure`]s, which
//! slots refer to by index, so that one failure of a load costs one entry, however many positions it nulls.
//! Deliberately absent: paths and null propagation; a failure is given its paths when the response is written.

use std::sync::Arc;

use apollo_compiler::Name;
use bytes::Bytes;
use weft_loaders::LoadError;

use super::json;
use crate::planner::plan::PositionId;

/// Positions that are told of one load; the others are counted.
pub(crate) const TOLD_MAX: u32 = 100;

/// What kind of failure it was; the client's `extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    Timeout,
    Unavailable,
    Status,
    InvalidResponse,
    /// The service's own error.
    Downstream,
    /// The client's own arguments cannot be sent.
    BadInput,
    /// The client may not see the field.
    Unauthorized,
    /// Null in a non-null field, for which no service gave a reason.
    UnexpectedNull,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "DOWNSTREAM_TIMEOUT",
            Self::Unavailable => "DOWNSTREAM_UNAVAILABLE",
            Self::Status => "DOWNSTREAM_STATUS",
            Self::InvalidResponse => "DOWNSTREAM_INVALID_RESPONSE",
            Self::Downstream => "DOWNSTREAM_ERROR",
            Self::BadInput => "BAD_USER_INPUT",
            Self::Unauthorized => "UNAUTHORIZED_FIELD_OR_TYPE",
            Self::UnexpectedNull => "UNEXPECTED_NULL",
        }
    }
}

/// Index of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FailureId(pub(crate) u32);

/// Index of a [`Load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LoadId(pub(crate) u32);

/// One load of one fetch: what its failures have in common.
#[derive(Debug)]
pub(crate) struct Load {
    /// `extensions.service`.
    pub(crate) service: Arc<str>,
    /// Where what it failed to place is told.
    pub(crate) position: PositionId,
}

/// One thing that went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Whose.
    pub(crate) load: LoadId,
    /// What kind.
    pub(crate) code: Code,
    /// A JSON string.
    pub(crate) message: Bytes,
    /// The `extensions` of a service's own error: a JSON object.
    pub(crate) downstream: Option<Bytes>,
    /// Where it is told.
    pub(crate) told: Told,
}

/// Where a failure is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// At each field that is missing because of it.
    WhereMissed,
    /// At the field that failed, further down than what is null because of it.
    At(Place),
    /// At each field that is missing because of it; another failure tells the same for its own sake.
    AsReason,
}

/// Where a failure is told, whatever is null above it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Of the objects that it is told in.
    pub(crate) position: PositionId,
    /// The client's path from such an object on.
    pub(crate) path: Vec<Step>,
}

/// One step of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A response key.
    Key(Name),
    /// A list's index.
    Index(u32),
}

/// All failures of a request.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    all: Vec<Failure>,
    loads: Vec<Load>,
}

impl Failures {
    /// Opens a load.
    pub(crate) fn load(&mut self, service: &Arc<str>, position: PositionId) -> LoadId {
        let id = LoadId(self.loads.len() as u32);
        self.loads.push(Load { service: Arc::clone(service), position });
        id
    }

    /// Adds a failure of the gateway's own words, told after the service's name.
    pub(crate) fn add(&mut self, load: LoadId, code: Code, message: &str) -> FailureId {
        let mut text = Vec::with_capacity(64);
        json::write_string(&format!("{}: {message}", self.get_load(load).service), &mut text);
        self.push(Failure { load, code, message: text.into(), downstream: None, told: Told::WhereMissed })
    }

    /// Adds a failure that the loaders report.
    pub(crate) fn add_load_error(&mut self, load: LoadId, error: &LoadError) -> FailureId {
        let code = match error {
            LoadError::Timeout(_) => Code::Timeout,
            LoadError::Unavailable(_) => Code::Unavailable,
            LoadError::Status(_) => Code::Status,
            LoadError::Invalid(_) => Code::InvalidResponse,
            LoadError::Refused(message) => {
                let mut text = Vec::with_capacity(64);
                json::write_string(message, &mut text);
                return self.push(Failure {
                    load,
                    code: Code::BadInput,
                    message: text.into(),
                    downstream: None,
                    told: Told::WhereMissed,
                });
            }
        };
        self.add(load, code, &error.to_string())
    }

    /// Adds a failure.
    pub(crate) fn push(&mut self, failure: Failure) -> FailureId {
        let id = FailureId(self.all.len() as u32);
        self.all.push(failure);
        id
    }

    /// The same failure, for what required its field: told where that is missing, not where the service said.
    pub(crate) fn as_reason(&mut self, id: FailureId) -> FailureId {
        let Failure { load, code, ref message, ref downstream, ref told } = self.all[id.0 as usize];
        if !matches!(told, Told::At(_)) {
            return id;
        }
        let (message, downstream) = (message.clone(), downstream.clone());
        self.push(Failure { load, code, message, downstream, told: Told::AsReason })
    }

    /// The place that it names itself.
    pub(crate) fn place(&self, id: FailureId) -> Option<&Place> {
        match &self.all[id.0 as usize].told {
            Told::At(place) => Some(place),
            Told::WhereMissed | Told::AsReason => None,
        }
    }

    pub(crate) fn get(&self, id: FailureId) -> &Failure {
        &self.all[id.0 as usize]
    }

    pub(crate) fn get_load(&self, id: LoadId) -> &Load {
        &self.loads[id.0 as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FailureId, &Failure)> {
        self.all.iter().enumerate().map(|(index, failure)| (FailureId(index as u32), failure))
    }
}
