package peer.scoring;

/** The channels and their defaults (model.md section 4). */
public enum Channel {
    WEB(35, 14, 30, 0.8, 0, 0),
    MAIL(20, 14, 30, 1, 1, 72),
    SNS(10, 7, 30, 0.7, 0.7, 48),
    PERSON(20, 30, 90, 2, 3, 24),
    PURCHASE(15, 90, 90, 1, 0, 0);

    static final Channel[] ALL = values();
    private static final long DAY_MS = 86_400_000L;

    final double cap;
    final long halfLifeMs;
    final double exposureWeight;
    final double pressure;
    /** For so long after a touch the lead may answer. */
    final long answerWindowMs;
    final double[] exposureByAge = new double[Calendar.DAYS];

    Channel(double cap, int halfLifeDays, int exposureHalfLifeDays, double exposureWeight, double pressure,
            int answerWindowHours) {
        this.cap = cap;
        this.halfLifeMs = halfLifeDays * DAY_MS;
        this.exposureWeight = exposureWeight;
        this.pressure = pressure;
        this.answerWindowMs = answerWindowHours * 3_600_000L;
        for (int age = 0; age < exposureByAge.length; age++) {
            exposureByAge[age] = Math.pow(2, -(double) age / exposureHalfLifeDays);
        }
    }
}
