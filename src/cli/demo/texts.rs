//! Words of the demo for sales people, in English and Japanese.

use clap::ValueEnum;

use crate::scoring::lanes::Lane;

/// Language of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Lang {
    #[default]
    En,
    Ja,
}

impl Lang {
    pub fn tag(self) -> &'static str {
        self.pick("en", "ja")
    }

    pub fn pick<'a>(self, en: &'a str, ja: &'a str) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Ja => ja,
        }
    }

    /// The words for a symbol of the wire or a rule's id; the symbol itself where there are none.
    pub fn word(self, symbol: &str) -> &str {
        if let Some(lane) = Lane::parse(symbol) {
            let [en, ja] = lane.names().why;
            return self.pick(en, ja);
        }
        match WORDS.iter().find(|(known, _, _)| *known == symbol) {
            Some((_, en, ja)) => self.pick(en, ja),
            None => symbol,
        }
    }
}

/// Symbol, English, Japanese.
const WORDS: &[(&str, &str, &str)] = &[
    // types
    ("ready", "CONTACT NOW", "今、連絡"),
    ("withdrawn", "WITHDRAWN", "取り下げ"),
    ("escalated", "OVERDUE", "対応遅れ"),
    // channels: what to do
    ("person", "call", "電話"),
    ("mail", "mail", "メール"),
    ("sns", "message on social media", "SNSメッセージ"),
    // content: what to bring
    ("answer", "the answer to the question", "質問への返答"),
    ("proposal", "a proposal", "提案"),
    ("apology", "an apology", "お詫び"),
    ("thanks", "thanks", "お礼"),
    ("news", "what is new", "最新のご案内"),
    ("date", "the date", "予定日の確認"),
    ("step_1", "step 1: what was asked for", "ステップ1: 資料のご案内"),
    ("step_2", "step 2: a question", "ステップ2: ご質問"),
    ("step_3", "step 3: an example", "ステップ3: 事例"),
    ("step_4", "step 4: an offer to talk", "ステップ4: ご面談の提案"),
    ("step_5", "step 5: news", "ステップ5: 最新情報"),
    ("step_6", "step 6: a last reminder", "ステップ6: 最後のご案内"),
    ("last", "a last try", "最後のご連絡"),
    ("check_in", "how are things", "近況うかがい"),
    ("perk", "a small present", "特典"),
    // consent: why we may
    ("reply", "they asked us", "先方からの依頼への返答"),
    ("opt_in", "they agreed", "同意あり"),
    ("opt_out", "they never refused", "拒否なし"),
    // reasons
    ("consent_lost", "they do not want to be contacted any more", "連絡の同意がなくなりました"),
    ("complaint", "a complaint is open: do not sell", "苦情対応中のため営業停止"),
    ("purchased", "they bought", "購入済み"),
    ("score_fell", "the interest is gone", "関心が下がりました"),
    ("expired", "nobody acted in time", "期限切れ"),
    ("superseded", "something more urgent came up", "より急ぎの用件に変わりました"),
    ("merged", "turned out to be another lead", "別のリードと同一人物でした"),
    ("erased", "asked to be forgotten", "削除の依頼がありました"),
    ("breach", "not answered within an hour", "1時間以内に未対応"),
    ("abandoned", "not answered within a day", "1日以内に未対応"),
    // stages
    ("prospect", "prospect", "見込み客"),
    ("new", "new customer", "新規客"),
    ("repeat", "regular customer", "リピーター"),
    ("fan", "fan", "ファン"),
    ("dormant", "sleeping", "休眠"),
    // what the score is made of
    ("familiarity", "knows us", "親しみ"),
    ("pressure", "contacted a lot", "接触過多"),
    ("web.key_page", "pricing and case pages", "料金・事例ページ"),
    ("web.page", "other pages", "その他のページ"),
    ("web.search", "searched our site", "サイト内検索"),
    ("web.download", "download", "資料ダウンロード"),
    ("web.form_start", "began a form", "フォーム入力開始"),
    ("web.inquiry", "inquiry", "問い合わせ"),
    ("web.trial", "trial", "トライアル申込"),
    ("web.material_request", "asked for material", "資料請求"),
    ("web.event_form", "event form", "イベント申込"),
    ("web.newsletter", "newsletter", "メルマガ登録"),
    ("web.registration", "registered", "会員登録"),
    ("web.ad_click", "clicked an ad", "広告クリック"),
    ("web.cart_add", "cart", "カート追加"),
    ("web.price_check", "checked prices", "価格確認"),
    ("web.review_view", "read reviews", "レビュー閲覧"),
    ("person.chat", "chat", "チャット"),
    ("mail.click", "clicked in a mail", "メールのクリック"),
    ("mail.reply", "answered a mail", "メール返信"),
    ("sns.follow", "follows us", "フォロー"),
    ("sns.unfollow", "unfollowed us", "フォロー解除"),
    ("sns.like", "likes", "いいね"),
    ("sns.share", "shared a post", "シェア"),
    ("sns.comment", "comments", "コメント"),
    ("sns.message", "direct message", "DM"),
    ("sns.reply", "answered a message", "DM返信"),
    ("sns.video", "watched a video", "動画視聴"),
    ("person.call_answered", "telephone talk", "電話で会話"),
    ("person.callcenter", "called us", "コールセンター入電"),
    ("person.meeting_requested", "asked for a meeting", "面談希望"),
    ("person.meeting", "meeting", "面談"),
    ("person.demo", "product demo", "デモ"),
    ("person.store_visit", "store visit", "来店"),
    ("person.booth_visit", "booth visit", "ブース来訪"),
    ("person.badge_scan", "badge scan", "名刺交換"),
    ("person.event_registered", "event registration", "イベント登録"),
    ("person.webinar", "webinar", "ウェビナー参加"),
    ("person.factory_tour", "factory tour", "工場見学"),
    ("person.survey", "survey", "アンケート回答"),
    ("person.referral", "referred somebody", "紹介"),
    ("purchase.order", "purchase", "購入"),
    ("purchase.sample", "asked for a sample", "サンプル請求"),
    ("purchase.coupon", "used a coupon", "クーポン利用"),
    ("purchase.pointcard", "point card", "ポイントカード"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::decision::{DecisionType, Reason};
    use crate::scoring::stage::Stage;

    #[test]
    fn every_symbol_of_the_wire_has_words_of_its_own_in_both_languages() {
        let types = DecisionType::ALL.map(DecisionType::as_str);
        let (lanes, reasons) = (Lane::ALL.map(Lane::as_str), Reason::ALL.map(Reason::as_str));
        for symbol in types.iter().chain(&lanes).chain(&reasons).chain(&Stage::ALL.map(Stage::as_str)) {
            let is_known = lanes.contains(symbol) || WORDS.iter().any(|(known, _, _)| known == symbol);
            assert!(is_known && Lang::Ja.word(symbol) != *symbol, "{symbol}");
        }
        for (at, (symbol, _, _)) in WORDS.iter().enumerate() {
            assert!(!WORDS[..at].iter().any(|(known, _, _)| known == symbol), "{symbol} twice");
        }
        assert_eq!(Lang::Ja.word("a rule of somebody's own model"), "a rule of somebody's own model");
    }
}
