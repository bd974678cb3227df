//! `livekit`: the server API of LiveKit, and its tokens.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LATENCY, LEVEL};
use crate::model::kind::http::CA;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key};

/// What it does: exactly one of these.
pub(super) const ACTIONS: &[&str] = &["rooms", "participants", "sip_trunks", "egress", "mint", "verify"];

const NAMES: Shape = Shape::Many(&Shape::Text(Landing::Plain));

const GRANTS: Shape = Shape::Record(&[
    key("room_join", Shape::Bool, "May join the room."),
    key("room_create", Shape::Bool, "May make rooms, and end them."),
    key("room_list", Shape::Bool, "May list rooms."),
    key("room_admin", Shape::Bool, "May govern the room: remove people, mute them."),
    key("room_record", Shape::Bool, "May record, and list recordings."),
    key("can_publish", Shape::Bool, "May be heard and seen; so by default with `room_join`."),
    key("can_subscribe", Shape::Bool, "May hear and see; so by default with `room_join`."),
    key("can_publish_data", Shape::Bool, "May send data; so by default with `room_join`."),
    key("hidden", Shape::Bool, "Is not shown to others."),
    key("ingress_admin", Shape::Bool, "May govern what is streamed in."),
    key("agent", Shape::Bool, "Is an agent."),
    key("sip_admin", Shape::Bool, "May govern SIP trunks."),
    key("sip_call", Shape::Bool, "May call out over SIP."),
]);

const MINT: Shape = Shape::Record(&[
    key("identity", Shape::Text(Landing::Plain), "Whose token it is."),
    key("name", Shape::Text(Landing::Plain), "The name that others see."),
    key("room", Shape::Text(Landing::Plain), "The room it is for."),
    key("ttl", Shape::Duration, "How long it is valid; 10 minutes by default, a day at most."),
    key("grants", GRANTS, "What it permits; nothing unless said."),
]);

const ROOM: &[Field] = &[
    Field { name: "name", ty: FieldType::Text, doc: "Its name." },
    Field { name: "id", ty: FieldType::Text, doc: "Its `sid`." },
    Field { name: "participants", ty: FieldType::Int, doc: "Who is in it." },
    Field { name: "publishers", ty: FieldType::Int, doc: "Those of them that are heard or seen." },
    Field { name: "recording", ty: FieldType::Bool, doc: "Whether it is recorded now." },
    Field { name: "created", ty: FieldType::Maybe(&FieldType::Text), doc: "Since when it is there." },
];

const PERSON: &[Field] = &[
    Field { name: "room", ty: FieldType::Text, doc: "The room." },
    Field { name: "identity", ty: FieldType::Text, doc: "Who it is." },
    Field { name: "name", ty: FieldType::Text, doc: "The name that others see." },
    Field { name: "kind", ty: FieldType::Text, doc: "`standard`, `sip`, `agent`, `egress`, `ingress`." },
    Field { name: "state", ty: FieldType::Text, doc: "`joining`, `joined`, `active`, `disconnected`." },
    Field { name: "publishes", ty: FieldType::Bool, doc: "Whether it is heard or seen." },
    Field { name: "joined", ty: FieldType::Maybe(&FieldType::Text), doc: "Since when." },
];

const TRUNK: &[Field] = &[
    Field { name: "id", ty: FieldType::Text, doc: "Its id." },
    Field { name: "name", ty: FieldType::Text, doc: "Its name." },
    Field { name: "direction", ty: FieldType::Text, doc: "`inbound` or `outbound`." },
    Field { name: "address", ty: FieldType::Text, doc: "Where calls go; empty for inbound ones." },
    Field { name: "numbers", ty: FieldType::List(&FieldType::Text), doc: "Its numbers." },
    Field { name: "has_password", ty: FieldType::Bool, doc: "Whether calls over it are authenticated." },
];

const EGRESS: &[Field] = &[
    Field { name: "id", ty: FieldType::Text, doc: "Its id." },
    Field { name: "room", ty: FieldType::Text, doc: "The room." },
    Field {
        name: "status",
        ty: FieldType::Text,
        doc: "`starting`, `active`, `ending`, `complete`, `failed`, `aborted`, `limit_reached`.",
    },
    Field { name: "error", ty: FieldType::Text, doc: "What went wrong; empty when nothing did." },
    Field { name: "started", ty: FieldType::Maybe(&FieldType::Text), doc: "Since when." },
];

/// `livekit: { url: "http://localhost:7880", api_key: "{{ secrets.KEY }}", api_secret: "{{ secrets.SECRET }}", rooms: all }`.
pub(super) const LIVEKIT: KindSpec = KindSpec {
    name: "livekit",
    doc: "Asks the server API of LiveKit, with a token of a minute that is signed for that question alone: rooms, participants, SIP trunks, egress. Mints tokens, and verifies them. It only reads.",
    example: "livekit: { url: \"{{ inputs.url }}\", api_key: devkey, api_secret: secret, rooms: all, expect: { latency: 1s, level: warning } }",
    shape: Shape::Record(&[
        key(
            "url",
            Shape::Text(Landing::Url),
            "The server: `http://localhost:7880`, `wss://livekit.company.com`. Not needed to mint or verify.",
        ),
        key("api_key", Shape::Text(Landing::Plain), "The API key; may name `secrets.X`."),
        key("api_secret", Shape::Text(Landing::Plain), "The secret that belongs to it; may name `secrets.X`."),
        key("rooms", NAMES, "`all`, or the names of rooms: how many there are, and how many people in them."),
        key("participants", NAMES, "`all`, or the names of rooms: who is in them."),
        key("sip_trunks", Shape::Choice(&["all", "inbound", "outbound"]), "Which SIP trunks to list."),
        key("egress", Shape::Choice(&["active", "all"]), "Which recordings and streams to list."),
        key("mint", MINT, "A token to make."),
        key(
            "verify",
            Shape::Text(Landing::Plain),
            "A token to look at: signed by this key and secret, valid now, and for how long. May name `secrets.X`.",
        ),
        CA,
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("count", BOUNDS, "How many rooms, participants, trunks or egresses there must be."),
                key("participants", BOUNDS, "How many people there must be in the rooms together."),
                key("seconds_left", Shape::Number, "At least so many seconds that the token must still be valid."),
                key("valid", Shape::Bool, "`false` accepts a token that is not valid; `output.reason` says why."),
                LATENCY,
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: None,
    output: &[
        Field { name: "count", ty: FieldType::Int, doc: "Rooms, participants, trunks or egresses there are." },
        Field {
            name: "participants",
            ty: FieldType::Int,
            doc: "People in the rooms together; 0 where nobody was counted.",
        },
        Field {
            name: "rooms",
            ty: FieldType::List(&FieldType::Record(ROOM)),
            doc: "The first 200 rooms, the fullest first.",
        },
        Field { name: "people", ty: FieldType::List(&FieldType::Record(PERSON)), doc: "The first 200 participants." },
        Field { name: "trunks", ty: FieldType::List(&FieldType::Record(TRUNK)), doc: "The first 200 trunks." },
        Field { name: "egresses", ty: FieldType::List(&FieldType::Record(EGRESS)), doc: "The first 200 of them." },
        Field { name: "requests", ty: FieldType::Int, doc: "Calls of the API that this took." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "How long the slowest of them took." },
        Field {
            name: "token",
            ty: FieldType::Secret,
            doc: "The token that was minted: sealed, so that nobody reads it here. `\"{{ steps.ID.output.token }}\"` may stand where a secret may.",
        },
        Field { name: "valid", ty: FieldType::Bool, doc: "Whether the token is signed by this key and valid now." },
        Field { name: "reason", ty: FieldType::Text, doc: "Why it is not; empty when it is." },
        Field { name: "identity", ty: FieldType::Text, doc: "Whose token it is." },
        Field {
            name: "seconds_left",
            ty: FieldType::Int,
            doc: "How long the token is still valid; negative once it is over.",
        },
        Field { name: "expires", ty: FieldType::Maybe(&FieldType::Text), doc: "When it ends." },
        Field { name: "claims", ty: FieldType::Any, doc: "What the token says; null unless its signature is good." },
    ],
    effects: Effects::Reads,
};
