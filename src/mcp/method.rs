//! [`ClientMethod`]: the table of methods that clients send.
//!
//! A method that is not in it is passed on all the same, as one without a parameter to repeat, and as an execution.

use crate::mcp::Era;

/// A method of requests from clients, and how its requests are treated on the way to a server.
#[derive(Clone, Copy, Debug)]
pub struct ClientMethod {
    /// Its name.
    pub name: &'static str,
    /// The only era that has it; `None` for both.
    pub only_in: Option<Era>,
    /// The parameter that the header `Mcp-Name` repeats.
    pub name_param: Option<NameParam>,
    /// True where it reads what the server offers, which needs no permission to execute.
    pub is_reading: bool,
    /// True where its modern results say how long they may be kept (2026-07-28, server/utilities/caching).
    pub is_cacheable: bool,
    /// True where a modern server, and so Ostler for a legacy one, may ask the client something in its result
    /// (2026-07-28, basic/patterns/mrtr): clients take `input_required` for no result of others.
    pub may_need_input: bool,
}

/// A parameter that the header `Mcp-Name` repeats (2026-07-28, transports/streamable-http).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameParam {
    /// `name`, of a tool or a prompt.
    Name,
    /// `uri`, of a resource.
    Uri,
    /// `taskId`, of a task.
    TaskId,
}

impl NameParam {
    /// The member of `params`.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uri => "uri",
            Self::TaskId => "taskId",
        }
    }
}

/// Every method that a client may send.
const METHODS: [ClientMethod; 19] = [
    ClientMethod::new("completion/complete"),
    ClientMethod::new("initialize").only_in(Era::Legacy).reading(),
    ClientMethod::new("logging/setLevel").only_in(Era::Legacy),
    ClientMethod::new("ping").only_in(Era::Legacy).reading(),
    ClientMethod::new("prompts/get").named_by(NameParam::Name).asking(),
    ClientMethod::new("prompts/list").reading().cacheable(),
    ClientMethod::new("resources/list").reading().cacheable(),
    ClientMethod::new("resources/read").named_by(NameParam::Uri).cacheable().asking(),
    ClientMethod::new("resources/subscribe").only_in(Era::Legacy),
    ClientMethod::new("resources/templates/list").reading().cacheable(),
    ClientMethod::new("resources/unsubscribe").only_in(Era::Legacy),
    ClientMethod::new("server/discover").only_in(Era::Modern).reading().cacheable(),
    ClientMethod::new("subscriptions/listen").only_in(Era::Modern),
    ClientMethod::new("tasks/cancel").named_by(NameParam::TaskId),
    ClientMethod::new("tasks/get").named_by(NameParam::TaskId),
    ClientMethod::new("tasks/list"),
    ClientMethod::new("tasks/update").named_by(NameParam::TaskId),
    ClientMethod::new("tools/call").named_by(NameParam::Name).asking(),
    ClientMethod::new("tools/list").reading().cacheable(),
];

impl ClientMethod {
    const fn new(name: &'static str) -> Self {
        Self { name, only_in: None, name_param: None, is_reading: false, is_cacheable: false, may_need_input: false }
    }

    const fn only_in(self, era: Era) -> Self {
        Self { only_in: Some(era), ..self }
    }

    const fn named_by(self, param: NameParam) -> Self {
        Self { name_param: Some(param), ..self }
    }

    const fn reading(self) -> Self {
        Self { is_reading: true, ..self }
    }

    const fn cacheable(self) -> Self {
        Self { is_cacheable: true, ..self }
    }

    const fn asking(self) -> Self {
        Self { may_need_input: true, ..self }
    }

    /// The method of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Every method.
    pub fn every() -> impl Iterator<Item = &'static Self> {
        METHODS.iter()
    }

    /// True where the era has it.
    #[must_use]
    pub fn is_in(&self, era: Era) -> bool {
        self.only_in.is_none_or(|only| only == era)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_its_name_alone() {
        assert!(ClientMethod::every().all(|method| ClientMethod::find(method.name).unwrap().name == method.name));
        assert!(ClientMethod::find("tools/Call").is_none());
    }

    #[test]
    fn three_methods_may_need_input() {
        let asking = ClientMethod::every().filter(|method| method.may_need_input).map(|method| method.name);
        assert_eq!(asking.collect::<Vec<_>>(), ["prompts/get", "resources/read", "tools/call"]);
    }

    #[test]
    fn the_handshake_went_with_the_legacy_era() {
        let initialize = ClientMethod::find("initialize").unwrap();
        assert!(initialize.is_in(Era::Legacy) && !initialize.is_in(Era::Modern));
        let call = ClientMethod::find("tools/call").unwrap();
        assert!(call.is_in(Era::Legacy) && call.is_in(Era::Modern));
    }
}
