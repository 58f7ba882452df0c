import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/**
 * Flink SQL: OVER (PARTITION BY key ORDER BY ts RANGE BETWEEN INTERVAL ... PRECEDING AND CURRENT
 * ROW), one subquery a window, because a streaming query may have one OVER window at a time.
 *
 * <p>Tuned by its guide: object reuse, state on the heap, no checkpoints, parallelism 1 so that all
 * operators chain into one thread; source and sink are arrays of this process. The job runs twice;
 * the second run counts, from its first event to its last answer, all threads of the JVM together.
 */
public final class OverWindows {
    static final long[] WINDOWS_MS = {60_000L, 300_000L, 3_600_000L, 86_400_000L, 259_200_000L,
        604_800_000L};
    static final int EVENT_BYTES = 24;
    static final int FEATURES = 3 * WINDOWS_MS.length;

    static ByteBuffer events;
    static int count;
    static double[] values;
    static int answered;
    static long firstCpu;
    static long lastCpu;
    static long firstWall;
    static long lastWall;

    private OverWindows() {}

    static long cpuNs() {
        return ((com.sun.management.OperatingSystemMXBean)
                ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    /** Event number to row: number, key, cents, time. */
    static final class Source implements GeneratorFunction<Long, Row> {
        @Override
        public Row map(Long number) {
            if (number == 0) {
                firstCpu = cpuNs();
                firstWall = System.nanoTime();
            }
            int at = number.intValue() * EVENT_BYTES;
            return Row.of(number.intValue(), events.getInt(at + 8), (long) events.getInt(at + 12),
                events.getLong(at));
        }
    }

    /** Keeps every value, at its event's place. */
    static final class Keep implements MapFunction<Row, Integer> {
        @Override
        public Integer map(Row row) {
            int at = (Integer) row.getField(0) * FEATURES;
            for (int w = 0; w < WINDOWS_MS.length; w++) {
                long n = (Long) row.getField(1 + 2 * w);
                long cents = (Long) row.getField(2 + 2 * w);
                values[at + w] = n;
                values[at + WINDOWS_MS.length + w] = cents / 100.0;
                values[at + 2 * WINDOWS_MS.length + w] = cents / (100.0 * n);
            }
            if (++answered == count) {
                lastCpu = cpuNs();
                lastWall = System.nanoTime();
            }
            return 0;
        }
    }

    /** (t - w, t] in whole milliseconds is [t - (w - 1), t]. */
    static String interval(long windowMs) {
        Duration d = Duration.ofMillis(windowMs - 1);
        return String.format("INTERVAL '%d %02d:%02d:%02d.%03d' DAY(2) TO SECOND(3)", d.toDays(),
            d.toHoursPart(), d.toMinutesPart(), d.toSecondsPart(), d.toMillisPart());
    }

    static String query() {
        String query = "SELECT i, k, cents, ts FROM pay";
        StringBuilder columns = new StringBuilder();
        for (int w = 0; w < WINDOWS_MS.length; w++) {
            query = String.format("SELECT *, COUNT(*) OVER w AS n%d, SUM(cents) OVER w AS s%d "
                + "FROM (%s) WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN %s PRECEDING "
                + "AND CURRENT ROW)", w, w, query, interval(WINDOWS_MS[w]));
            columns.append(String.format(", n%d, s%d", w, w));
        }
        return "SELECT i" + columns + " FROM (" + query + ")";
    }

    static void run() throws Exception {
        Configuration settings = new Configuration();
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("state.backend.type", "hashmap");
        settings.setString("parallelism.default", "1");
        StreamExecutionEnvironment job =
            StreamExecutionEnvironment.getExecutionEnvironment(settings);
        StreamTableEnvironment tables = StreamTableEnvironment.create(job);
        DataGeneratorSource<Row> source = new DataGeneratorSource<>(new Source(), count,
            Types.ROW_NAMED(new String[] {"i", "k", "cents", "time_ms"}, Types.INT, Types.INT,
                Types.LONG, Types.LONG));
        DataStream<Row> stream = job.fromSource(source,
            WatermarkStrategy.<Row>forMonotonousTimestamps()
                .withTimestampAssigner((row, before) -> (Long) row.getField(3)), "pay");
        tables.createTemporaryView("pay", stream, Schema.newBuilder()
            .column("i", "INT").column("k", "INT").column("cents", "BIGINT")
            .columnByMetadata("ts", DataTypes.TIMESTAMP_LTZ(3), "rowtime")
            .watermark("ts", "SOURCE_WATERMARK()").build());
        answered = 0;
        tables.toDataStream(tables.sqlQuery(query())).map(new Keep()).returns(Types.INT)
            .sinkTo(new DiscardingSink<>());
        job.execute();
        if (answered != count) {
            throw new IllegalStateException(answered + " answers to " + count + " events");
        }
    }

    public static void main(String[] args) throws Exception {
        try (FileChannel file = FileChannel.open(Path.of(args[0]))) {
            events = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size())
                .order(ByteOrder.LITTLE_ENDIAN);
            count = (int) (file.size() / EVENT_BYTES);
        }
        values = new double[count * FEATURES];
        run();
        run();
        if (!args[1].equals("-")) {
            ByteBuffer bytes = ByteBuffer.allocate(values.length * 8)
                .order(ByteOrder.LITTLE_ENDIAN);
            bytes.asDoubleBuffer().put(values);
            try (FileChannel file = FileChannel.open(Path.of(args[1]), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
                while (bytes.hasRemaining()) {
                    file.write(bytes);
                }
            }
        }
        System.out.printf("{\"peer\": \"Flink %s\", \"events\": %d, \"settings\": \"SQL OVER "
            + "RANGE, parallelism 1, object reuse, heap state, second of two runs\", "
            + "\"cpu_s\": %.6f, \"wall_s\": %.6f}%n",
            org.apache.flink.runtime.util.EnvironmentInformation.getVersion(), count,
            (lastCpu - firstCpu) / 1e9, (lastWall - firstWall) / 1e9);
    }
}
