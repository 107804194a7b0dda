package peer.scoring;

/** What earns points, and how many: the rules of `model.toml`, in its order, which is part of the state's format. */
public enum Rule {
    KEY_PAGE("web.key_page", Channel.WEB, 4),
    PAGE("web.page", Channel.WEB, 1),
    SEARCH("web.search", Channel.WEB, 3),
    DOWNLOAD("web.download", Channel.WEB, 10),
    FORM_START("web.form_start", Channel.WEB, 3),
    INQUIRY("web.inquiry", Channel.WEB, 30),
    MATERIAL_REQUEST("web.material_request", Channel.WEB, 10),
    NEWSLETTER("web.newsletter", Channel.WEB, 3),
    REGISTRATION("web.registration", Channel.WEB, 2),
    AD_CLICK("web.ad_click", Channel.WEB, 2),
    CART_ADD("web.cart_add", Channel.WEB, 8),
    APP_OPEN("web.app_open", Channel.WEB, 1),
    CHAT("person.chat", Channel.PERSON, 10),
    MAIL_CLICK("mail.click", Channel.MAIL, 4),
    MAIL_REPLY("mail.reply", Channel.MAIL, 12),
    FOLLOW("sns.follow", Channel.SNS, 5),
    UNFOLLOW("sns.unfollow", Channel.SNS, -5),
    LIKE("sns.like", Channel.SNS, 1),
    SHARE("sns.share", Channel.SNS, 6),
    COMMENT("sns.comment", Channel.SNS, 4),
    DIRECT_MESSAGE("sns.message", Channel.SNS, 10),
    VIDEO("sns.video", Channel.SNS, 2),
    /** The last two have no topic in the benchmark; the golden vectors use them. */
    MEETING("person.meeting", Channel.PERSON, 20),
    PURCHASE("purchase.order", Channel.PURCHASE, 15);

    static final Rule[] ALL = values();

    public final String id;
    final Channel channel;
    final double points;

    Rule(String id, Channel channel, double points) {
        this.id = id;
        this.channel = channel;
        this.points = points;
    }

    public boolean isHandRaise() {
        return this == INQUIRY || this == MAIL_REPLY || this == DIRECT_MESSAGE || this == CHAT;
    }

    /** Whether it answers the touch with the same reference. */
    public boolean isAnswer() {
        return this == MAIL_CLICK || this == MAIL_REPLY || this == DIRECT_MESSAGE;
    }

    boolean isContact() {
        return this != UNFOLLOW;
    }
}
