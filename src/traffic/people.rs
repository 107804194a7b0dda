//! Who the simulated leads are: companies, names and places that read like Japanese ones and belong to nobody.

const PLACES: [&str; 12] =
    ["青空", "みなと", "富士見", "若葉", "白鳥", "北斗", "桜台", "東雲", "山の手", "大和田", "銀河", "瑞穂"];
const TRADES: [&str; 10] =
    ["製作所", "商事", "システムズ", "物流", "建設", "電機", "食品", "印刷", "ソリューションズ", "工業"];
const FAMILY: [&str; 12] =
    ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田"];
const GIVEN: [&str; 10] = ["陽子", "健一", "美咲", "大輔", "直樹", "由美", "翔太", "恵", "拓也", "さくら"];
const INDUSTRIES: [&str; 6] = ["manufacturing", "it", "retail", "logistics", "construction", "finance"];
const ROLES: [&str; 5] = ["manager", "director", "staff", "executive", "engineer"];
const PREFECTURES: [&str; 8] = ["東京都", "大阪府", "愛知県", "神奈川県", "福岡県", "北海道", "京都府", "宮城県"];
const EMPLOYEES: [&str; 7] = ["8", "25", "60", "150", "400", "1200", "5000"];

/// What a lead is, by its number alone.
#[derive(Debug, Clone, Copy)]
pub struct Person(u64);

impl Person {
    pub fn of(lead: u64) -> Person {
        // Spreads neighbouring numbers over the lists.
        Person(lead.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8)
    }

    pub fn company(self) -> String {
        let (place, trade) = (self.pick(&PLACES, 1), self.pick(&TRADES, 12));
        if self.0 & 1 == 0 { format!("株式会社{place}{trade}") } else { format!("{place}{trade}株式会社") }
    }

    pub fn name(self) -> String {
        format!("{} {}", self.pick(&FAMILY, 120), self.pick(&GIVEN, 1440))
    }

    pub fn industry(self) -> &'static str {
        self.pick(&INDUSTRIES, 12)
    }

    pub fn role(self) -> &'static str {
        self.pick(&ROLES, 14_400)
    }

    pub fn prefecture(self) -> &'static str {
        self.pick(&PREFECTURES, 77)
    }

    pub fn employees(self) -> &'static str {
        self.pick(&EMPLOYEES, 333)
    }

    /// 1 to 12, as text.
    pub fn birth_month(self) -> String {
        (self.0 / 31 % 12 + 1).to_string()
    }

    /// Leads of one company share its account.
    pub fn account_id(self) -> String {
        format!("account-{:05}", self.0 % 65_521)
    }

    pub fn owner_id(self) -> String {
        format!("owner-{:02}", self.0 % 17)
    }

    fn pick(self, from: &[&'static str], divisor: u64) -> &'static str {
        from[(self.0 / divisor % from.len() as u64) as usize]
    }
}
