// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The beginning of an output, kept aside while somebody else reads all of it. */
final class FirstOutput {

    private static final int MOST_BYTES = 8192;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CountDownLatch end = new CountDownLatch(1);

    synchronized void add(byte[] source, int offset, int count) {
        bytes.write(source, offset, Math.min(count, MOST_BYTES - bytes.size()));
    }

    /** There is no more to come. */
    void end() {
        end.countDown();
    }

    /** What there is at the end, or after that time. */
    String await(Duration patience) throws InterruptedException {
        end.await(patience.toMillis(), TimeUnit.MILLISECONDS);
        synchronized (this) {
            return bytes.toString(StandardCharsets.UTF_8);
        }
    }
}
