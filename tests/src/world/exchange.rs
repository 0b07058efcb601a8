//! What requests carry from the disk of a world, and what their answers leave on it.

use bytes::Bytes;
use sanscord::machine::{Body, Fault, Part, Progress, Request, Response, Save, Unanswered};

use super::disk::Disk;

/// What a client has asked for beside the answer.
#[derive(Debug)]
pub(super) struct Wanted {
    save: Option<Save>,
    /// The body's length, if the client wants to hear of progress.
    progress: Option<u64>,
}

/// The body of a request, with what its files hold now, or why it cannot be sent.
pub(super) fn carried(disk: &Disk, request: &Request) -> Result<(Bytes, Wanted), Unanswered> {
    let local = |reason: String| Unanswered::new(Fault::Local, reason);
    if let Some(save) = &request.save
        && disk.get(&save.path).is_some()
    {
        return Err(local(format!("{} is there already", save.path)));
    }
    let body = match &request.body {
        Body::Empty => Bytes::new(),
        Body::Bytes(bytes) => bytes.clone(),
        Body::Parts(parts) => {
            let mut whole = Vec::new();
            for part in parts {
                match part {
                    Part::Bytes(bytes) => whole.extend_from_slice(bytes),
                    Part::File { path, limit } => match disk.get(path) {
                        Some(file) if file.bytes.len() as u64 <= *limit => {
                            whole.extend_from_slice(&file.bytes)
                        }
                        Some(_) => return Err(local(format!("{path} is longer than {limit} bytes"))),
                        None => return Err(local(format!("there is no {path}"))),
                    },
                }
            }
            let (length, limit) = (whole.len() as u64, request.body_limit);
            if length > limit {
                return Err(local(format!("the body has {length} bytes, and may have at most {limit}")));
            }
            whole.into()
        }
    };
    let progress = request.progress.then_some(body.len() as u64);
    Ok((body, Wanted { save: request.save.clone(), progress }))
}

/// What the client gets: the progress at the end, if it wants that, and the answer, its body on the disk if it is to
/// be there.
pub(super) fn brought(
    disk: &mut Disk,
    wanted: &Wanted,
    mut response: Response,
) -> (Option<Progress>, Result<Response, Unanswered>) {
    let received = response.body.len() as u64;
    let to_receive = Some(received);
    let progress = wanted.progress.map(|sent| Progress { sent, to_send: sent, received, to_receive });
    let Some(save) = wanted.save.as_ref().filter(|_| response.is_success()) else {
        return (progress, Ok(response));
    };
    let body = std::mem::take(&mut response.body);
    if received > save.limit {
        let reason = format!("the answer is longer than {} bytes", save.limit);
        return (None, Err(Unanswered::new(Fault::TooLong, reason)));
    }
    match disk.save(&save.path, body.to_vec()) {
        Ok(()) => (progress, Ok(response)),
        Err(reason) => (None, Err(Unanswered::new(Fault::Local, format!("{}: {reason}", save.path)))),
    }
}
