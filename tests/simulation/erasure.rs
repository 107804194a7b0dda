//! The wish of a person to be forgotten, as a record: the simulated traffic has none.

use std::sync::LazyLock;

use apache_avro::Schema;
use tsuikyaku::scoring::event::{ChannelSymbol, InputKind, ProfileKind, Purpose};
use tsuikyaku::wire::avro::Header;
use tsuikyaku::wire::decode::{schema_text, symbols};
use tsuikyaku::wire::output::{Fields, OutputFormat, Record, encode};

struct Erasure<'e> {
    event_id: &'e str,
    lead_id: &'e str,
    occurred_at_ms: i64,
}

/// The value of such a record.
pub fn erasure(event_id: &str, lead_id: &str, occurred_at_ms: i64) -> Vec<u8> {
    let mut value = Vec::new();
    encode(&Erasure { event_id, lead_id, occurred_at_ms }, OutputFormat::Avro, &mut value);
    value
}

impl Record for Erasure<'_> {
    fn header(&self) -> &'static Header {
        static HEADER: LazyLock<Header> =
            LazyLock::new(|| Header::of(&Schema::parse_str(schema_text(InputKind::Profile)).expect("a tested schema")));
        &HEADER
    }

    fn fields(&self, out: &mut impl Fields) {
        out.text("event_id", self.event_id);
        out.text("lead_id", self.lead_id);
        out.long("occurred_at", self.occurred_at_ms);
        out.text("source", "privacy-desk");
        ["account_id", "campaign_id", "topic"].into_iter().for_each(|name| out.optional_text(name, None));
        out.boolean("machine", false);
        let named = [
            ("kind", ProfileKind::Erased.as_str()),
            ("channel", ChannelSymbol::Unknown.as_str()),
            ("purpose", Purpose::Unknown.as_str()),
        ];
        for (name, symbol) in named {
            out.symbol(name, symbols(InputKind::Profile, name), symbol);
            if name == "kind" {
                out.optional_texts("attributes", &[]);
            }
        }
        out.optional_long("expires_at", None);
        let texts = ["linked_lead_id", "owner_id", "owner_role", "bant_budget", "bant_authority", "bant_need"];
        texts.into_iter().for_each(|name| out.optional_text(name, None));
        out.optional_long("bant_timeline", None);
    }
}
