// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.snapback.core.terminal.PseudoTerminal;

/** gdb's machine interface on a terminal of its own, as a front-end has it. */
final class MachineInterface {

    private final PseudoTerminal terminal;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private int token;

    MachineInterface(PseudoTerminal terminal) {
        this.terminal = terminal;
        Thread reader = new Thread(this::read, "machine interface");
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        BufferedReader input =
                new BufferedReader(new InputStreamReader(terminal.input(), StandardCharsets.UTF_8));
        input.lines().forEach(lines::add);
    }

    /** Sends a command and waits for its result. */
    String command(String text) throws IOException, InterruptedException {
        String prefix = ++token + "^";
        terminal.output().write((token + text + "\n").getBytes(StandardCharsets.UTF_8));
        return awaitLine(line -> line.startsWith(prefix));
    }

    /** The next such line; all before it are passed over. */
    String awaitLine(Predicate<String> wanted) throws InterruptedException {
        StringBuilder seen = new StringBuilder();
        for (String line = lines.poll(30, TimeUnit.SECONDS); line != null; line = lines.poll(30, TimeUnit.SECONDS)) {
            if (wanted.test(line)) {
                return line;
            }
            seen.append(line).append('\n');
        }
        throw new AssertionError("waited in vain on the machine interface; it said:\n" + seen);
    }
}
