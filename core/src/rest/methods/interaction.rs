//! How an interaction is answered.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::object::Interaction;
use crate::rest::call::Call;
use crate::rest::endpoint::*;

impl Interaction {
    fn respond(&self, kind: u32) -> Call<CreateInteractionResponse> {
        CreateInteractionResponse::new(self.id, self.token.expose(), kind)
    }

    /// Answers with a message: [`CreateInteractionResponse`].
    pub fn reply(&self, content: impl Into<String>) -> Call<CreateInteractionResponse> {
        self.respond(4).content(content)
    }

    /// Says that a message will come, within 15 minutes, by [`edit_original`](Self::edit_original).
    pub fn defer(&self) -> Call<CreateInteractionResponse> {
        self.respond(5)
    }

    /// To the use of a component: says that it was heard, and that its message may change later.
    pub fn defer_update(&self) -> Call<CreateInteractionResponse> {
        self.respond(6)
    }

    /// To the use of a component: changes its message.
    pub fn update(&self) -> Call<CreateInteractionResponse> {
        self.respond(7)
    }

    /// To an autocomplete: suggests these, at most 25, as `{"name", "value"}`.
    pub fn suggest(&self, choices: impl Into<Vec<Value>>) -> Call<CreateInteractionResponse> {
        self.respond(8).data(json!({ "choices": choices.into() }))
    }

    /// Shows a form: an id of at most 100 characters, a title of at most 45, 1 to 5 components.
    pub fn modal(
        &self,
        custom_id: impl Into<String>,
        title: impl Into<String>,
        components: impl Into<Vec<Value>>,
    ) -> Call<CreateInteractionResponse> {
        let form =
            json!({ "custom_id": custom_id.into(), "title": title.into(), "components": components.into() });
        self.respond(9).data(form)
    }

    /// The message of the first answer: [`GetOriginalResponse`].
    pub fn original(&self) -> Call<GetOriginalResponse> {
        GetOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Edits the message of the first answer, or writes it: [`EditOriginalResponse`].
    pub fn edit_original(&self) -> Call<EditOriginalResponse> {
        EditOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Deletes the message of the first answer: [`DeleteOriginalResponse`].
    pub fn delete_original(&self) -> Call<DeleteOriginalResponse> {
        DeleteOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Sends one more message: [`CreateFollowup`].
    pub fn followup(&self, content: impl Into<String>) -> Call<CreateFollowup> {
        CreateFollowup::new(self.application_id, self.token.expose()).content(content)
    }
}
