//! What an interaction is about: a command, a component or a form.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::envelope::DecodeError;

use super::integration::Interaction;
use super::open::InteractionType;
use super::raw::Json;
use super::table::objects;

objects! {
    /// A command that was used, or is being typed (discord-api-docs, Receiving and Responding, Application Command
    /// Data Structure).
    CommandData {
        /// Which command.
        id: must String;
        /// Its name.
        name: must String;
        /// 1 for a slash command, 2 for one on a user, 3 for one on a message.
        kind as "type": or u8;
        /// What was typed.
        options: or Vec<CommandOption>;
        /// On which user or message it was used.
        target_id: may String;
        /// Users, members, roles, channels, messages and attachments that the options name.
        resolved: may Json;
        /// The guild that it is registered in.
        guild_id: may String;
    }

    /// An option of a command (discord-api-docs, Application Command Interaction Data Option Structure).
    CommandOption {
        /// Its name.
        name: must String;
        /// Of which type it is; 1 and 2 are a subcommand and a group of them.
        kind as "type": must u8;
        /// Its value: a string, a number or a boolean.
        value: may Json;
        /// The options of a subcommand, of its group the subcommand: each a [`CommandOption`].
        options: may Json;
        /// Whether it is the one that is being typed.
        focused: or bool;
    }

    /// A button or a menu that was used (discord-api-docs, Message Component Data Structure).
    ComponentData {
        /// The name that its author gave it.
        custom_id: must String;
        /// 2 for a button, 3 and 5 to 8 for menus.
        component_type: must u8;
        /// What was chosen in a menu.
        values: or Vec<String>;
        /// Users, members, roles and channels that the values name.
        resolved: may Json;
    }

    /// A form that was sent (discord-api-docs, Modal Submit Data Structure).
    ModalData {
        /// The name that its author gave it.
        custom_id: must String;
        /// Its fields, with what was entered.
        components: may Json;
        /// Users, members, roles, channels and attachments that the fields name.
        resolved: may Json;
    }
}

/// What an interaction is about.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Context {
    /// Discord checks that the endpoint is there.
    Ping,
    /// A command was used.
    Command(Box<CommandData>),
    /// A command is being typed and wants suggestions.
    Autocomplete(Box<CommandData>),
    /// A button or a menu was used.
    Component(Box<ComponentData>),
    /// A form was sent.
    Modal(Box<ModalData>),
    /// A kind that is not known here.
    Other(Option<Json>),
}

impl Interaction {
    /// What it is about, by its kind.
    ///
    /// # Errors
    /// If the data is not what is documented for the kind.
    pub fn context(&self) -> Result<Context, DecodeError> {
        fn data<T: serde::de::DeserializeOwned>(data: Option<&Json>) -> Result<Box<T>, DecodeError> {
            match data {
                Some(data) => data.parse().map(Box::new),
                None => super::raw::parse("null", "interaction data"),
            }
        }
        let json = self.data.as_ref();
        Ok(match self.kind {
            InteractionType::PING => Context::Ping,
            InteractionType::APPLICATION_COMMAND => Context::Command(data(json)?),
            InteractionType::APPLICATION_COMMAND_AUTOCOMPLETE => Context::Autocomplete(data(json)?),
            InteractionType::MESSAGE_COMPONENT => Context::Component(data(json)?),
            InteractionType::MODAL_SUBMIT => Context::Modal(data(json)?),
            _ => Context::Other(json.cloned()),
        })
    }
}

impl CommandData {
    /// The value of the option of this name, of the subcommand that was used if there is one. `None` if it is not
    /// there.
    ///
    /// # Errors
    /// If it is no `T`, or the options are not what is documented.
    pub fn value<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DecodeError> {
        let (_, options) = self.path()?;
        let option = options.iter().find(|option| option.name == name);
        option.and_then(|option| option.value.as_ref()).map(Json::parse).transpose()
    }

    /// The name of the subcommand that was used, behind that of its group, if any; and its options.
    ///
    /// # Errors
    /// If the options are not what is documented.
    pub fn path(&self) -> Result<(Vec<String>, Vec<CommandOption>), DecodeError> {
        let (mut path, mut options) = (Vec::new(), self.options.clone());
        // A group, and in it a subcommand.
        for _ in 0..2 {
            let [CommandOption { name, kind: 1 | 2, options: inner, .. }] = &options[..] else { break };
            path.push(name.clone());
            options = inner.as_ref().map(Json::parse).transpose()?.unwrap_or_default();
        }
        Ok((path, options))
    }
}

impl ModalData {
    /// What was entered in the text field of this name. `None` if it is not there.
    #[must_use]
    pub fn text(&self, custom_id: &str) -> Option<String> {
        let components: serde_json::Value = self.components.as_ref()?.parse().ok()?;
        find(&components, custom_id, 0)
    }
}

/// Rows and labels hold the fields; serde_json has bounded how deep they nest.
fn find(component: &serde_json::Value, custom_id: &str, depth: u8) -> Option<String> {
    if depth > 8 {
        return None;
    }
    if component.get("custom_id").is_some_and(|id| id == custom_id) {
        return component.get("value")?.as_str().map(Into::into);
    }
    let inner = [component.get("components"), component.get("component")].into_iter().flatten();
    let list = component.as_array().into_iter().flatten();
    inner.chain(list).find_map(|inner| find(inner, custom_id, depth + 1))
}

impl fmt::Debug for CommandData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandData(/{}, {} options)", self.name, self.options.len())
    }
}

impl fmt::Debug for CommandOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandOption({})", self.name)
    }
}

impl fmt::Debug for ComponentData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentData({}, {} values)", self.custom_id, self.values.len())
    }
}

impl fmt::Debug for ModalData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModalData({})", self.custom_id)
    }
}

#[cfg(test)]
mod tests {

    use serde_json::{Value, json};

    use super::*;

    fn interaction(kind: u8, data: Value) -> Interaction {
        let json =
            json!({"id": "1", "application_id": "2", "type": kind, "token": "t", "version": 1, "data": data});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_command_with_a_subcommand() {
        let data = json!({"id": "5", "name": "tag", "type": 1, "new": true, "options": [
            {"name": "admin", "type": 2, "options": [
                {"name": "add", "type": 1, "options": [
                    {"name": "word", "type": 3, "value": "hello"}, {"name": "times", "type": 4, "value": 3}]}]}]});
        let Context::Command(command) = interaction(2, data.clone()).context().unwrap() else { panic!() };
        assert_eq!(command.path().unwrap().0, ["admin", "add"]);
        assert_eq!(command.value::<String>("word").unwrap().unwrap(), "hello");
        assert_eq!(command.value::<u8>("times").unwrap(), Some(3));
        assert_eq!(command.value::<u8>("other").unwrap(), None);
        assert!(command.value::<u8>("word").is_err());
        assert_eq!(serde_json::to_value(&*command).unwrap(), data);
        assert!(matches!(interaction(4, data).context(), Ok(Context::Autocomplete(_))));
    }

    #[test]
    fn components_forms_and_unknown_kinds() {
        let menu = json!({"custom_id": "pick", "component_type": 3, "values": ["a", "b"]});
        let Context::Component(menu) = interaction(3, menu).context().unwrap() else { panic!() };
        assert_eq!((&*menu.custom_id, menu.values.len()), ("pick", 2));
        let form = json!({"custom_id": "form", "components": [
            {"type": 1, "components": [{"type": 4, "custom_id": "old", "value": "row"}]},
            {"type": 18, "component": {"type": 4, "custom_id": "new", "value": "label"}}]});
        let Context::Modal(form) = interaction(5, form).context().unwrap() else { panic!() };
        let texts = ["old", "new", "none"].map(|id| form.text(id));
        assert_eq!(texts, [Some("row".into()), Some("label".into()), None]);
        assert!(matches!(interaction(1, Value::Null).context(), Ok(Context::Ping)));
        assert!(matches!(interaction(99, json!([1])).context(), Ok(Context::Other(Some(_)))));
        for kind in [2, 3, 5] {
            for data in [Value::Null, json!({}), json!([])] {
                assert!(interaction(kind, data).context().is_err());
            }
        }
    }
}
