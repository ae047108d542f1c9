// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.eclipse.swt.widgets.Display;

/** Waits on conditions while the workbench goes on working. On the UI thread only. */
public final class EventLoop {

    /** Long enough for a busy machine; a test that passes does not wait for it. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final int LOOK_EVERY_MS = 20;

    private EventLoop() {}

    public static void await(String what, BooleanSupplier condition) {
        await(() -> what, condition);
    }

    /**
     * Handles events until the condition holds.
     *
     * @param what for the failure: what was waited for, and what is there instead
     * @throws AssertionError after half a minute
     */
    public static void await(Supplier<String> what, BooleanSupplier condition) {
        Display display = Display.getCurrent();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        Runnable wake = () -> {};
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("Waited in vain for " + what.get());
            }
            if (!display.readAndDispatch()) {
                display.timerExec(LOOK_EVERY_MS, wake);
                display.sleep();
            }
        }
    }

    /** Handles the events that are there already, so that what they change can be seen. */
    public static void drain() {
        Display display = Display.getCurrent();
        while (display.readAndDispatch()) {
            // all of them
        }
    }
}
