package peer.scoring;

/** Every part of the score of one lead at one moment; reused for every event. */
public final class Score {
    /** The time read at. */
    public long asOfMs;
    public double engagement;
    public double exposure;
    public double pressure;
    public double familiarity;
    public double affinity;
    public double readiness;

    /** Scores are compared and sent with six decimals. */
    public static double rounded(double points) {
        return Math.rint(points * 1e6) / 1e6;
    }
}
