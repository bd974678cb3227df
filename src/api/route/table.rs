//! One route as data: what answers it and everything that is said of it. The router and the OpenAPI document are both made
//! from these, so a route that is served is described, and one that is described is served.

use crate::api::desk::Desk;
use crate::api::route::once;
use crate::api::wire::Fault;
use crate::base::actor::Role;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes the schema of a type.
pub(in crate::api) type Make = fn(&mut SchemaGenerator) -> Schema;

/// Routes that belong together.
pub(in crate::api) struct Group {
    /// Their word.
    pub(in crate::api) name: &'static str,
    /// What they are about.
    pub(in crate::api) about: &'static str,
    /// They.
    pub(in crate::api) routes: &'static [Route],
}

/// What is done to what is under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Verb {
    /// Look.
    Get,
    /// Do.
    Post,
    /// End.
    Delete,
}

/// Who comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Door {
    /// Whoever asks.
    Open,
    /// Who has a token of that role, or of a higher one.
    Token(Role),
    /// Only who comes over the socket.
    Socket,
    /// Other systems with a token of role operator, in whichever header they can send.
    Sender,
    /// Other systems that prove themselves in a way of their own.
    Proof,
    /// Whoever has the link.
    Link,
}

/// Who makes a request with an `Idempotency-Key` happen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Key {
    /// Nobody: there is nothing to do, or what is sent says it, or who asks hears it a second time.
    Nobody,
    /// The route.
    Route,
    /// The layer around it.
    Layer,
}

/// A header that a route reads.
pub(in crate::api) struct Header {
    /// Its name.
    pub(in crate::api) name: &'static str,
    /// What it does.
    pub(in crate::api) about: &'static str,
    /// The most characters it may have; 0 = it is not for us to say.
    pub(in crate::api) most: usize,
}

/// What a body is made of.
#[derive(Clone, Copy)]
pub(in crate::api) enum Body {
    /// Nothing.
    None,
    /// JSON of that shape.
    Json(Make),
    /// Pieces of that shape, one after the other, as long as there are any.
    Stream(&'static str, Make),
    /// Text of that type.
    Text(&'static str),
}

/// What may be answered.
#[derive(Clone, Copy)]
pub(in crate::api) struct Reply {
    /// The HTTP status.
    pub(in crate::api) status: u16,
    /// When.
    pub(in crate::api) about: &'static str,
    /// With what.
    pub(in crate::api) body: Body,
}

/// How many answers a route may have beside refusals.
const REPLIES: usize = 8;

/// A route.
pub(in crate::api) struct Route {
    /// What is done.
    pub(in crate::api) verb: Verb,
    /// To what, parameters as `{name}`.
    pub(in crate::api) path: &'static str,
    /// Its name, by which programs call it.
    pub(in crate::api) id: &'static str,
    /// What it does, in a line.
    pub(in crate::api) about: &'static str,
    /// What else there is to say.
    pub(in crate::api) more: &'static str,
    /// Who may.
    pub(in crate::api) door: Door,
    /// What may be asked in the query.
    pub(in crate::api) query: Option<Make>,
    /// The headers it reads.
    pub(in crate::api) headers: &'static [Header],
    /// Who makes it happen once.
    pub(in crate::api) key: Key,
    /// What is sent.
    pub(in crate::api) body: Option<Make>,
    /// Words that a parameter of the path may be, where not every text will do.
    pub(in crate::api) words: Option<(&'static str, &'static [&'static str])>,
    /// The most bytes that are taken, where that is not what all take.
    limit: Option<usize>,
    /// What is answered.
    replies: [Option<Reply>; REPLIES],
    /// Refusals of its own, beside those that its door, its path and its body bring.
    pub(in crate::api) faults: &'static [Fault],
    handler: fn() -> MethodRouter<Desk>,
}

impl Route {
    const fn new(
        verb: Verb,
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: fn() -> MethodRouter<Desk>,
    ) -> Self {
        Self {
            verb,
            path,
            id,
            about,
            more: "",
            door: Door::Token(Role::Viewer),
            query: None,
            headers: &[],
            key: Key::Nobody,
            body: None,
            words: None,
            limit: None,
            replies: [None; REPLIES],
            faults: &[],
            handler,
        }
    }

    /// A look, for any token.
    pub(super) const fn get(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: fn() -> MethodRouter<Desk>,
    ) -> Self {
        Self::new(Verb::Get, path, id, about, handler)
    }

    /// An act, for operators.
    pub(super) const fn post(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: fn() -> MethodRouter<Desk>,
    ) -> Self {
        Self::new(Verb::Post, path, id, about, handler).key(Key::Layer).door(Door::Token(Role::Operator))
    }

    /// An end, for operators.
    pub(super) const fn delete(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: fn() -> MethodRouter<Desk>,
    ) -> Self {
        Self::new(Verb::Delete, path, id, about, handler).key(Key::Layer).door(Door::Token(Role::Operator))
    }

    /// With more to say.
    pub(super) const fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    /// Behind another door; whoever needs no token has keys of other kinds.
    pub(super) const fn door(mut self, door: Door) -> Self {
        self.door = door;
        match door {
            Door::Token(_) => self,
            Door::Open | Door::Socket | Door::Sender | Door::Proof | Door::Link => self.key(Key::Nobody),
        }
    }

    /// That is made to happen once by somebody else.
    pub(super) const fn key(mut self, key: Key) -> Self {
        self.key = key;
        self.headers = match key {
            Key::Layer => once::KEY,
            Key::Nobody | Key::Route => &[],
        };
        self
    }

    /// With a query of that shape.
    pub(super) const fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// With a body of that shape.
    pub(super) const fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// That reads these headers.
    pub(super) const fn headers(mut self, headers: &'static [Header]) -> Self {
        self.headers = headers;
        self
    }

    /// Whose path has one of these words at that place.
    pub(super) const fn words(mut self, parameter: &'static str, words: &'static [&'static str]) -> Self {
        self.words = Some((parameter, words));
        self
    }

    /// That takes so many bytes.
    pub(super) const fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// That is answered so.
    const fn reply(mut self, status: u16, about: &'static str, body: Body) -> Self {
        let mut free = 0;
        while self.replies[free].is_some() {
            free += 1;
        }
        self.replies[free] = Some(Reply { status, about, body });
        self
    }

    /// That is answered with JSON of that shape.
    pub(super) const fn json<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.reply(status, about, Body::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// That is answered with a stream of that type, of pieces of that shape.
    pub(super) const fn stream<T: JsonSchema>(self, media: &'static str, about: &'static str) -> Self {
        self.reply(200, about, Body::Stream(media, SchemaGenerator::subschema_for::<T>))
    }

    /// That is answered with text of that type.
    pub(super) const fn text(self, status: u16, media: &'static str, about: &'static str) -> Self {
        self.reply(status, about, Body::Text(media))
    }

    /// That is answered without words.
    pub(super) const fn empty(self, status: u16, about: &'static str) -> Self {
        self.reply(status, about, Body::None)
    }

    /// That may be refused so.
    pub(super) const fn faults(mut self, faults: &'static [Fault]) -> Self {
        self.faults = faults;
        self
    }

    /// What it is answered with.
    pub(in crate::api) fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.replies.iter().flatten()
    }

    /// What answers it.
    pub(super) fn handler(&self, desk: &Desk) -> MethodRouter<Desk> {
        let handler = match (self.key, self.door) {
            (Key::Layer, Door::Token(least)) => {
                (self.handler)().route_layer(from_fn_with_state((desk.clone(), least), once::pass))
            }
            (Key::Layer | Key::Nobody | Key::Route, _) => (self.handler)(),
        };
        match self.limit {
            Some(bytes) => handler.layer(DefaultBodyLimit::max(bytes)),
            None => handler,
        }
    }
}
