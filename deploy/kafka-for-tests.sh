#!/bin/sh
# Prints a directory with all that a broker for tests needs, after making it: libs/ (Kafka by Maven), formatted/1..3
# (storage of three nodes), kafka.jsa (classes prepared, so that a broker starts in seconds). May run several times at once.
set -eu

version=4.1.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/kafka-$version"

fail() {
    echo "kafka-for-tests: $1" >&2
    exit 1
}

if [ -e "$cache/ready" ]; then
    echo "$cache"
    exit 0
fi
command -v java >/dev/null || fail "no java found; the broker tests need Java 17 or newer: apt-get install openjdk-17-jre-headless"
command -v mvn >/dev/null || fail "no mvn found; the broker tests fetch Kafka by Maven: apt-get install maven"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ -e "$cache/ready" ]; then
    echo "$cache"
    exit 0
fi

work="$cache/work"
rm -rf "$work" "$cache/libs" "$cache/formatted"
mkdir -p "$work" "$cache/formatted"

cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
echo "kafka-for-tests: fetching Kafka $version (43 MiB)" >&2
mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/libs" >&2 \
    || fail "Maven could not fetch org.apache.kafka:kafka_2.13:$version; its messages stand above"
classpath=$(printf '%s:' "$cache"/libs/*.jar)
classpath=${classpath%:}
printf '%s' "$classpath" >"$cache/classpath"

properties() { # node id, directory
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$1
controller.quorum.voters=1@127.0.0.1:$port,2@127.0.0.1:1,3@127.0.0.1:2
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:$port
advertised.listeners=PLAINTEXT://127.0.0.1:9
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$2
PROPERTIES
}

port=3
for node in 1 2 3; do
    properties $node "$cache/formatted/$node" >"$work/$node.properties"
    java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$classpath" kafka.tools.StorageTool format \
        -t dHN1aWt5YWt1LXRlc3RzMQ -c "$work/$node.properties" >"$work/format-$node.log" 2>&1 &
done
wait
for node in 1 2 3; do
    [ -e "$cache/formatted/$node/meta.properties" ] || fail "formatting failed: $(cat "$work/format-$node.log")"
done

# one run of a lone broker, whose classes are archived when it ends
port=$(( 20000 + $$ % 10000 ))
cp -r "$cache/formatted/1" "$work/data"
properties 1 "$work/data" | sed "s/^controller.quorum.voters=.*/controller.quorum.voters=1@127.0.0.1:$port/" >"$work/run.properties"
java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit="$work/kafka.jsa" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$classpath" kafka.Kafka "$work/run.properties" >"$work/run.log" 2>&1 9>&- &
broker=$!
for _ in $(seq 300); do
    grep -q 'Kafka Server started' "$work/run.log" && break
    kill -0 $broker 2>/dev/null || break
    sleep 0.2
done
kill -TERM $broker 2>/dev/null || true
wait $broker || true
if [ -e "$work/kafka.jsa" ]; then
    mv "$work/kafka.jsa" "$cache/kafka.jsa"
else
    echo "kafka-for-tests: no class archive was made; brokers start more slowly" >&2
fi
rm -rf "$work"
touch "$cache/ready"
echo "$cache"
