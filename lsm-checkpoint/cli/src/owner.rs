//! The owner and group of restored files, by name or by number.

use lsm_checkpoint::RestoredOwner;
use nix::unistd::{Group, User};

/// Reads `keep`, `none` or `USER:GROUP`.
pub(crate) fn parse_owner(text: &str) -> Result<RestoredOwner, String> {
    match text {
        "keep" => return Ok(RestoredOwner::Kept),
        "none" => return Ok(RestoredOwner::OfProcess),
        _ => {}
    }
    let Some((user, group)) = text.split_once(':') else {
        return Err("give keep, none or USER:GROUP".to_owned());
    };
    let by_name = |found: nix::Result<Option<u32>>, kind: &str, name: &str| match found {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(format!("no {kind} is called {name}")),
        Err(error) => Err(format!("cannot look up the {kind} {name}: {error}")),
    };
    let owner = match user.parse() {
        Ok(id) => id,
        Err(_) => {
            by_name(User::from_name(user).map(|user| user.map(|user| user.uid.as_raw())), "user", user)?
        }
    };
    let group = match group.parse() {
        Ok(id) => id,
        Err(_) => by_name(
            Group::from_name(group).map(|group| group.map(|group| group.gid.as_raw())),
            "group",
            group,
        )?,
    };
    // chown(2) leaves an owner or a group unchanged if its number is -1.
    if [owner, group].contains(&u32::MAX) {
        return Err(format!("{} is not a valid user or group number", u32::MAX));
    }
    Ok(RestoredOwner::Given { owner, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_a_name_or_a_number() {
        let root = Ok(RestoredOwner::Given { owner: 0, group: 0 });
        for text in ["0:0", "root:root", "root:0"] {
            assert_eq!(parse_owner(text), root, "{text}");
        }
        assert_eq!(parse_owner("keep"), Ok(RestoredOwner::Kept));
        assert_eq!(parse_owner("none"), Ok(RestoredOwner::OfProcess));
        for (text, problem) in [
            ("root", "give keep, none or USER:GROUP"),
            ("no-such-user:0", "no user is called no-such-user"),
            ("0:no-such-group", "no group is called no-such-group"),
            ("0:", "no group is called "),
            ("4294967295:0", "4294967295 is not a valid user or group number"),
        ] {
            assert_eq!(parse_owner(text), Err(problem.to_owned()), "{text}");
        }
    }
}
