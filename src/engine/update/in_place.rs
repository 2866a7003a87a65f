//! A call that changes a resource in place, and the values that it still needs.

use std::sync::Arc;

use serde_json::Value;

use crate::catalog::Operation;
use crate::catalog::update::Added;
use crate::engine::operation::Parameters;
use crate::engine::placeholder::known_after_reading;
use crate::journal::RecordedCall;

/// One call that changes a resource in place.
#[derive(Debug, Clone)]
pub struct InPlace {
    pub operation: Arc<Operation>,
    pub parameters: Parameters,
    pub recorded: RecordedCall,
    /// The body with secrets.
    pub sent: Option<Value>,
    /// The fields of the create's body that it changes.
    pub fields: Vec<String>,
    /// The create's call with which the resource agrees afterwards.
    pub agrees: RecordedCall,
    /// Values to read before it can be sent; it has placeholders for them.
    pub lookups: Vec<Lookup>,
    /// What the call removes, with its contents.
    pub removes: Option<String>,
}

/// One value to read.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// The name of a security group.
    Group { id: String },
    /// Id and address of the port of one of the machine's interfaces: its current list, and the index in it.
    Port { interfaces: Vec<Value>, at: usize },
    /// The id of a volume that the machine created: the list in its body, the index in it, and the ids of all that it
    /// created, where these are known.
    Volume { machine: String, volumes: Vec<Value>, at: usize, made: Vec<String> },
    /// What others have in a list that the call replaces.
    Others(Others),
}

/// A list that a call replaces, although it holds elements that other calls made.
#[derive(Debug, Clone, PartialEq)]
pub struct Others {
    /// The documented path of the resource.
    pub route: String,
    /// The path that reads it.
    pub path: String,
    /// The field of the body.
    pub field: &'static str,
    /// The elements of the call so far; `None`: it had no such field.
    pub old: Option<Vec<Value>>,
    pub new: Vec<Value>,
    pub added: Added,
}

/// The placeholder for the name of a security group.
pub fn group_placeholder(id: &str) -> String {
    known_after_reading(&format!("security group `{id}`"))
}

/// The placeholder for the id of a port.
pub fn port_placeholder() -> String {
    known_after_reading("the port")
}

/// The placeholder for the address of a port.
pub fn address_placeholder() -> String {
    known_after_reading("the address")
}

impl Lookup {
    /// The placeholder in a path.
    pub fn token(&self) -> String {
        match self {
            Lookup::Group { id } => group_placeholder(id),
            Lookup::Port { .. } => port_placeholder(),
            Lookup::Volume { .. } | Lookup::Others(_) => "VOLUME_ID".to_owned(),
        }
    }
}
