//! Shapes of listed items: what the schemas of 2025-11-25 and 2026-07-28 demand, and the official SDKs check
//! (TypeScript 1.32 and 2.4, Python 1.30 and 2.3). One item of another shape makes them refuse the list around it.

use crate::mcp::Era;

/// A kind of list, by its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// From `tools/list`.
    Tool,
    /// From `prompts/list`.
    Prompt,
    /// From `resources/list`.
    Resource,
    /// From `resources/templates/list`.
    Template,
}

impl ItemKind {
    /// The kind in words.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "resource template",
        }
    }

    /// The member that tells items apart.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::Template => "uriTemplate",
        }
    }

    /// Members with a meaning, of an item of a server of `era`; an item may have others, of any shape.
    pub(super) fn fields(self, era: Era) -> &'static [Field] {
        match (self, era) {
            (Self::Tool, Era::Legacy) => &LEGACY_TOOL,
            (Self::Tool, Era::Modern) => &MODERN_TOOL,
            (Self::Prompt, _) => &PROMPT,
            (Self::Resource, _) => &RESOURCE,
            (Self::Template, _) => &TEMPLATE,
        }
    }
}

/// A shape of a JSON value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    Word(&'static [&'static str]),
    /// An absolute URI (RFC 3986).
    Uri,
    /// A time of RFC 3339.
    Time,
    Flag,
    Integer,
    /// A number from 0 to 1.
    Share,
    /// A list of values of one shape; it is as good without those that have another.
    List(&'static Shape),
    /// An object of objects: the schemas of a schema's properties.
    Properties,
    AnyObject,
    Object(&'static [Field]),
    /// An object that is a schema, whose numbers fit in doubles: TypeScript 2.4 refuses others.
    Schema(&'static [Field]),
    /// A schema that clients compile as soon as it is listed.
    Compiled(&'static [Field]),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) otherwise: Otherwise,
}

/// The cure for a member that is missing or has another shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Otherwise {
    /// The object is good without it.
    Omit,
    /// The object is good with this in its place.
    Put(&'static str),
    /// The object is good with the value of another member in its place.
    Copy(&'static str),
    /// None: the object is no good.
    Refuse,
}

const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, otherwise: Otherwise::Omit }
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, otherwise: Otherwise::Refuse }
}

/// Arguments, and in the older era results, are objects in any case, so saying it changes nothing.
const OBJECT_TYPE: Field =
    Field { name: "type", shape: Shape::Word(&["object"]), otherwise: Otherwise::Put("\"object\"") };

const DIALECT: Field = optional("$schema", Shape::Text);
const PROPERTIES: Field = optional("properties", Shape::Properties);
const REQUIRED: Field = optional("required", Shape::List(&Shape::Text));

/// The schema of an object.
const OBJECT_SCHEMA: [Field; 4] = [DIALECT, OBJECT_TYPE, PROPERTIES, REQUIRED];

/// The schema of any value, with the members that a schema of an object may have.
const ANY_SCHEMA: [Field; 3] = [DIALECT, PROPERTIES, REQUIRED];

/// A tool that says nothing of its arguments takes any.
const INPUT_SCHEMA: Field = Field {
    name: "inputSchema",
    shape: Shape::Schema(&OBJECT_SCHEMA),
    otherwise: Otherwise::Put(r#"{"type":"object"}"#),
};

/// Schemas of results; TypeScript 1.32 drops the whole list for one that it cannot compile.
const LEGACY_OUTPUT: Field = optional("outputSchema", Shape::Compiled(&OBJECT_SCHEMA));
const MODERN_OUTPUT: Field = optional("outputSchema", Shape::Compiled(&ANY_SCHEMA));

const NAME: Field = required("name", Shape::Text);
const TITLE: Field = optional("title", Shape::Text);
const DESCRIPTION: Field = optional("description", Shape::Text);
const META: Field = optional("_meta", Shape::AnyObject);
const MIME_TYPE: Field = optional("mimeType", Shape::Text);

const ICONS: Field = optional(
    "icons",
    Shape::List(&Shape::Object(&[
        required("src", Shape::Text),
        MIME_TYPE,
        optional("sizes", Shape::List(&Shape::Text)),
        optional("theme", Shape::Word(&["light", "dark"])),
    ])),
);

const HINTS: Field = optional(
    "annotations",
    Shape::Object(&[
        TITLE,
        optional("readOnlyHint", Shape::Flag),
        optional("destructiveHint", Shape::Flag),
        optional("idempotentHint", Shape::Flag),
        optional("openWorldHint", Shape::Flag),
    ]),
);

const EXECUTION: Field = optional(
    "execution",
    Shape::Object(&[optional("taskSupport", Shape::Word(&["forbidden", "optional", "required"]))]),
);

const ANNOTATIONS: Field = optional(
    "annotations",
    Shape::Object(&[
        optional("audience", Shape::List(&Shape::Word(&["user", "assistant"]))),
        optional("priority", Shape::Share),
        optional("lastModified", Shape::Time),
    ]),
);

const LEGACY_TOOL: [Field; 9] = [NAME, TITLE, DESCRIPTION, INPUT_SCHEMA, LEGACY_OUTPUT, HINTS, EXECUTION, ICONS, META];

const MODERN_TOOL: [Field; 9] = [NAME, TITLE, DESCRIPTION, INPUT_SCHEMA, MODERN_OUTPUT, HINTS, EXECUTION, ICONS, META];

const PROMPT: [Field; 6] = [
    NAME,
    TITLE,
    DESCRIPTION,
    optional("arguments", Shape::List(&Shape::Object(&[NAME, TITLE, DESCRIPTION, optional("required", Shape::Flag)]))),
    ICONS,
    META,
];

const RESOURCE: [Field; 9] = [
    required("uri", Shape::Uri),
    Field { name: "name", shape: Shape::Text, otherwise: Otherwise::Copy("uri") },
    TITLE,
    DESCRIPTION,
    MIME_TYPE,
    optional("size", Shape::Integer),
    ANNOTATIONS,
    ICONS,
    META,
];

const TEMPLATE: [Field; 8] = [
    required("uriTemplate", Shape::Text),
    Field { name: "name", shape: Shape::Text, otherwise: Otherwise::Copy("uriTemplate") },
    TITLE,
    DESCRIPTION,
    MIME_TYPE,
    ANNOTATIONS,
    ICONS,
    META,
];
