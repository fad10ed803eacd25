//! Tokens of the token service (Distribution's token authentication specification): signed, short-lived, saying who bears
//! them and what they are limited to. Never a right: that is asked at each request.
//!
//! A token is a JWT (RFC 7519) signed with ES256 (RFC 7518 §3.4). Only tokens of this installation are ever read, so there
//! is nothing to negotiate: the first part must be the one header that is ever written, byte for byte, and the key is the
//! one that is here. `alg`, `kid`, `jwk` and the like cannot be tampered with, because they are not looked at.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use wharf_model::id::Id;
use wharf_model::scope::Scope;
use wharf_store::clock::Millis;

use super::AuthError;
use crate::secret::MasterKey;

/// The name of the service: `service` in challenges, `aud` of access tokens.
pub const SERVICE: &str = "wharf";
/// How long an access token lives, in seconds. The specification has clients assume at least 60.
pub const ACCESS_SECS: i64 = 300;
/// How long a refresh token lives, in seconds: 90 days.
pub const REFRESH_SECS: i64 = 90 * 24 * 3600;
/// How long a session of the pages lives, in seconds: 12 hours, which is a day's work.
pub const SESSION_SECS: i64 = 12 * 3600;
/// By how many seconds the clocks of replicas may differ.
const LEEWAY_SECS: i64 = 60;
/// Most bytes of scopes in one token, so that it always fits into a header; what is beyond is left out.
const ACCESS_BYTES_MAX: usize = 8 << 10;

/// `{"alg":"ES256","typ":"JWT"}`: the only header there is.
const HEADER: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9";
const ISSUER: &str = "wharf";

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// For the registry.
    Access,
    /// For the token service, which gives an access token for it.
    Refresh,
    /// For the pages, in a cookie. Neither the registry nor the token service takes it.
    Session,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Audience::Access => SERVICE,
            Audience::Refresh => "wharf token service",
            Audience::Session => "wharf pages",
        }
    }

    /// How long a token for it lives, in seconds.
    fn lifetime(self) -> i64 {
        match self {
            Audience::Access => ACCESS_SECS,
            Audience::Refresh => REFRESH_SECS,
            Audience::Session => SESSION_SECS,
        }
    }
}

/// What a token says. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    epoch: u64,
    access: Vec<Scope>,
    /// The token of ours that was shown for it, and with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    secret: Option<Id>,
}

/// What is there must be an id; `null` is none.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    Id::deserialize(deserializer).map(Some)
}

/// Whose a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The account.
    pub account: Id,
    /// The epoch of what was shown for it.
    pub epoch: u64,
    /// The token that was shown for it; `None` for a password.
    pub secret: Option<Id>,
}

impl Claims {
    /// Whose it is; `None` for anybody's.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`]: it says something else.
    pub fn owner(&self) -> Result<Option<Owner>, AuthError> {
        if self.sub.is_empty() {
            return Ok(None);
        }
        let account = self.sub.parse().map_err(|_| AuthError::BadCredentials)?;
        Ok(Some(Owner { account, epoch: self.epoch, secret: self.secret }))
    }

    /// What it is limited to.
    pub fn access(&self) -> &[Scope] {
        &self.access
    }

    /// The same, without the rest.
    pub fn into_access(self) -> Vec<Scope> {
        self.access
    }

    /// When it ends, in milliseconds.
    pub fn until(&self) -> Millis {
        self.exp.saturating_mul(1000)
    }
}

/// An answer of the token service.
#[derive(Clone)]
pub struct Issued {
    /// The access token.
    pub token: String,
    /// How long it lives, in seconds.
    pub expires_in: i64,
    /// When it was made.
    pub issued_at: Millis,
    /// A refresh token, where one was asked for.
    pub refresh_token: Option<String>,
}

/// Makes and reads tokens. The key is derived, so that replicas with one secret read each other's.
pub struct Tokens {
    pair: EcdsaKeyPair,
    public: UnparsedPublicKey<Vec<u8>>,
}

impl Tokens {
    /// With the key that follows from `key`.
    pub fn new(key: &MasterKey) -> Tokens {
        let pair = signing_pair(key);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref().to_vec());
        Tokens { pair, public }
    }

    /// A token for `owner` or anybody, limited to `access`. Scopes beyond 8 KiB are left out.
    ///
    /// # Errors
    /// [`AuthError::Failed`]: no randomness.
    pub fn issue(
        &self,
        audience: Audience,
        owner: Option<Owner>,
        mut access: Vec<Scope>,
        now: Millis,
    ) -> Result<String, AuthError> {
        let size = |scope: &Scope| serde_json::to_string(scope).map_or(0, |text| text.len() + 1);
        while access.iter().map(size).sum::<usize>() > ACCESS_BYTES_MAX {
            access.pop();
        }
        let now = now.div_euclid(1000);
        let mut jti = [0; 16];
        getrandom::fill(&mut jti).map_err(|error| AuthError::Failed(format!("no randomness: {error}")))?;
        self.sign(&Claims {
            iss: ISSUER.to_owned(),
            sub: owner.map(|owner| owner.account.to_string()).unwrap_or_default(),
            aud: audience.as_str().to_owned(),
            exp: now.saturating_add(audience.lifetime()),
            nbf: now,
            iat: now,
            jti: Id(jti).to_string(),
            epoch: owner.map_or(0, |owner| owner.epoch),
            access,
            secret: owner.and_then(|owner| owner.secret),
        })
    }

    fn sign(&self, claims: &Claims) -> Result<String, AuthError> {
        let claims = serde_json::to_vec(claims).map_err(|error| AuthError::Failed(error.to_string()))?;
        let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|_| AuthError::Failed("a token cannot be signed".to_owned()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// What `token` says, if it was made here, for `audience`, and is not over. Whether its user still is who it was is the
    /// caller's to ask.
    ///
    /// # Errors
    /// [`AuthError::Expired`], or [`AuthError::BadCredentials`] for everything else.
    pub fn verify(&self, audience: Audience, token: &str, now: Millis) -> Result<Claims, AuthError> {
        let bad = AuthError::BadCredentials;
        let (signed, signature) = token.rsplit_once('.').ok_or(bad.clone())?;
        let (header, claims) = signed.split_once('.').ok_or(bad.clone())?;
        if header != HEADER {
            return Err(bad);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad.clone())?;
        self.public.verify(signed.as_bytes(), &signature).map_err(|_| bad.clone())?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| bad.clone())?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| bad.clone())?;
        let now = now.div_euclid(1000);
        if claims.iss != ISSUER || claims.aud != audience.as_str() || claims.nbf > now.saturating_add(LEEWAY_SECS) {
            return Err(bad);
        }
        if claims.exp <= now { Err(AuthError::Expired) } else { Ok(claims) }
    }
}

/// The P-256 key pair that follows from `key`. A scalar that is not on the curve, which one in 2^32 is, is passed over, the
/// same way everywhere.
fn signing_pair(key: &MasterKey) -> EcdsaKeyPair {
    /// PKCS#8 (RFC 5208) around an ECPrivateKey (RFC 5915) of the curve P-256 without its public key, up to the scalar.
    const PREFIX: &[u8] =
        b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
        \x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20";
    let mut counter = 0_u32;
    loop {
        let scalar = key.derive(&format!("token signing {counter}"));
        let document = [PREFIX, &scalar[..32]].concat();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document) {
            return pair;
        }
        counter += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use aws_lc_rs::hmac;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Millis = 1_800_000_000_000;
    const USER: Option<Owner> = Some(Owner { account: Id([5; 16]), epoch: 3, secret: None });

    fn tokens() -> Tokens {
        Tokens::new(&MasterKey::from_bytes([7; 32]))
    }

    fn access() -> Vec<Scope> {
        Scope::parse_all("repository:acme/app:pull,push")
    }

    /// A token with any header and claims, signed with the right key.
    fn signed(tokens: &Tokens, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = tokens.pair.sign(&SystemRandom::new(), text.as_bytes()).expect("signed");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn claims_of(token: &str) -> Value {
        let claims = token.split('.').nth(1).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON")
    }

    #[test]
    fn the_key_stays_what_it_is() {
        // Replicas of different releases must agree, so this never changes.
        let public = tokens().pair.public_key().as_ref().to_vec();
        assert_eq!((public.len(), hex::encode(&public[..17])), (65, "04fc31a08bfdf30f124176047807c41ad7".to_owned()));
        assert_eq!(URL_SAFE_NO_PAD.decode(HEADER).expect("base64"), br#"{"alg":"ES256","typ":"JWT"}"#);
    }

    #[test]
    fn issued_and_read() {
        let tokens = tokens();
        let token = tokens.issue(Audience::Access, USER, access(), NOW).expect("issued");
        let claims = tokens.verify(Audience::Access, &token, NOW).expect("good");
        assert_eq!(claims.owner(), Ok(USER));
        assert_eq!(claims.access(), access());
        assert_eq!(claims.until(), NOW + 300_000);
        let expect = json!({ "iss": "wharf", "sub": "05".repeat(16), "aud": "wharf", "epoch": 3, "iat": NOW / 1000,
            "nbf": NOW / 1000, "exp": NOW / 1000 + 300, "jti": claims.jti,
            "access": [{ "type": "repository", "name": "acme/app", "actions": ["pull", "push"] }] });
        assert_eq!(claims_of(&token), expect);
        let other = Tokens::new(&MasterKey::from_bytes([7; 32]));
        assert!(other.verify(Audience::Access, &token, NOW).is_ok(), "a replica reads it");
        let anybody = tokens.issue(Audience::Access, None, access(), NOW).expect("issued");
        let owner = Some(Owner { secret: Some(Id([6; 16])), ..USER.expect("somebody") });
        let of_token = tokens.issue(Audience::Access, owner, access(), NOW).expect("issued");
        assert_eq!(tokens.verify(Audience::Access, &of_token, NOW).expect("good").owner(), Ok(owner));
        assert_eq!(claims_of(&of_token)["secret"], json!("06".repeat(16)));
        assert_eq!(tokens.verify(Audience::Access, &anybody, NOW).expect("good").owner(), Ok(None));
    }

    #[test]
    fn times_and_audiences() {
        let tokens = tokens();
        let check = |made: Audience, read, later: Millis, expect: Result<(), AuthError>| {
            let token = tokens.issue(made, USER, access(), NOW).expect("issued");
            assert_eq!(tokens.verify(read, &token, NOW + later).map(drop), expect, "{made:?} {read:?} {later}");
        };
        use Audience::{Access, Refresh, Session};
        check(Session, Session, 43_199_999, Ok(()));
        check(Session, Session, 43_200_000, Err(AuthError::Expired));
        for (made, read) in [(Session, Access), (Session, Refresh), (Access, Session), (Refresh, Session)] {
            check(made, read, 0, Err(AuthError::BadCredentials));
        }
        check(Access, Access, 299_999, Ok(()));
        check(Access, Access, 300_000, Err(AuthError::Expired));
        check(Access, Access, -60_000, Ok(()));
        check(Access, Access, -61_000, Err(AuthError::BadCredentials));
        check(Refresh, Refresh, 89 * 86_400_000, Ok(()));
        check(Refresh, Refresh, 90 * 86_400_000, Err(AuthError::Expired));
        check(Refresh, Access, 0, Err(AuthError::BadCredentials));
        check(Access, Refresh, 0, Err(AuthError::BadCredentials));
    }

    #[test]
    fn only_our_own_are_read() {
        let tokens = tokens();
        let good = tokens.issue(Audience::Access, USER, access(), NOW).expect("issued");
        let claims = claims_of(&good);
        let refused = |what: &str, token: &str| {
            assert_eq!(tokens.verify(Audience::Access, token, NOW), Err(AuthError::BadCredentials), "{what}");
        };
        let header = json!({ "alg": "ES256", "typ": "JWT" });
        assert!(
            tokens.verify(Audience::Access, &signed(&tokens, &header, &claims), NOW).is_ok(),
            "the test's own signer"
        );

        let parts: Vec<&str> = good.split('.').collect();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        refused("alg none", &format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), parts[1]));
        refused("alg none with the signature", &signed(&tokens, &json!({ "alg": "none" }), &claims));
        let text = format!("{}.{}", encode(&json!({ "alg": "HS256", "typ": "JWT" })), parts[1]);
        let confused = hmac::Key::new(hmac::HMAC_SHA256, tokens.pair.public_key().as_ref());
        let tag = hmac::sign(&confused, text.as_bytes());
        refused("HS256 with the public key", &format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag)));
        let stranger = Tokens::new(&MasterKey::from_bytes([8; 32]));
        let foreign = stranger.issue(Audience::Access, USER, access(), NOW).expect("issued");
        refused("another key", &foreign);
        let jwk = json!({ "alg": "ES256", "typ": "JWT", "kid": "x", "jwk": { "kty": "EC" } });
        refused("a key of its own", &signed(&stranger, &jwk, &claims));
        refused("kid and jwk, even of ours", &signed(&tokens, &jwk, &claims));
        refused("other claims", &format!("{}.{}.{}", parts[0], encode(&json!({ "sub": "x" })), parts[2]));
        refused("no signature", &format!("{}.{}.", parts[0], parts[1]));
        refused("a zero signature", &format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])));
        refused("two parts", &format!("{}.{}", parts[0], parts[1]));
        refused("four parts", &format!("{good}.x"));
        refused("padding", &format!("{good}=="));
        for text in ["", ".", "..", "...", "é.é.é", "token"] {
            refused(text, text);
        }
    }

    #[test]
    fn claims_are_read_strictly() {
        let tokens = tokens();
        let header = json!({ "alg": "ES256", "typ": "JWT" });
        let good = claims_of(&tokens.issue(Audience::Access, USER, access(), NOW).expect("issued"));
        let check = |name: &str, value: Option<Value>| {
            let mut claims = good.clone();
            let fields = claims.as_object_mut().expect("an object");
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
            let verified = tokens.verify(Audience::Access, &signed(&tokens, &header, &claims), NOW);
            assert!(verified.and_then(|claims| claims.owner()).is_err(), "{name}: {claims}");
        };
        for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "epoch", "access"] {
            check(name, None);
            check(name, Some(Value::Null));
            check(name, Some(json!({ "x": 1 })));
        }
        check("aud", Some(json!(["wharf"])));
        check("aud", Some(json!("registry.example")));
        check("iss", Some(json!("somebody")));
        check("sub", Some(json!("admin")));
        check("exp", Some(json!("1800000300")));
        check("exp", Some(json!(-1)));
        check("exp", Some(json!(1e300)));
        check("nbf", Some(json!(i64::MAX)));
        check("epoch", Some(json!(-1)));
        check("admin", Some(json!(true)));
        for value in [Value::Null, json!(""), json!("admin"), json!(6), json!(["06".repeat(16)])] {
            check("secret", Some(value));
        }
    }

    #[test]
    fn always_fits_into_a_header() {
        let name = "a".repeat(255);
        let many: Vec<Scope> = (0..100)
            .map(|_| Scope { kind: "repository".into(), name: name.clone(), actions: vec!["pull".into()] })
            .collect();
        let token = tokens().issue(Audience::Access, USER, many, NOW).expect("issued");
        assert!(token.len() < wharf_model::limits::AUTHORIZATION_BYTES_MAX, "{}", token.len());
        assert!(tokens().verify(Audience::Access, &token, NOW).expect("good").access().len() > 20);
    }
}
