// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.snapback.core.Failure;
import org.snapback.core.Sentence;

/** Asks the native program whether sessions can be made on this machine, before one is tried. */
public final class Preflight {

    private static final long TIMEOUT_SECONDS = 10;

    /** The prefix of every error that the native program prints. */
    private static final String ERROR_PREFIX = "snapback: ";

    /** A machine that was able once stays so; one that was not may be mended meanwhile. */
    private static final Set<Path> ABLE = ConcurrentHashMap.newKeySet();

    private Preflight() {}

    /** @throws CoreException with UNSUPPORTED_KERNEL and the native program's own sentence, or NO_NATIVE_PROGRAM */
    public static void check(Path program) throws CoreException {
        if (ABLE.contains(program)) {
            return;
        }
        Process check = null;
        try {
            check = new ProcessBuilder(program.toString(), "check")
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            check.getOutputStream().close();
            String errors = new String(check.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!check.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw Failure.UNSUPPORTED_KERNEL.exception("\"" + program + " check\" does not come to an end."
                        + " Run it in a terminal to see where it hangs.");
            }
            if (check.exitValue() != 0) {
                throw Failure.UNSUPPORTED_KERNEL.exception(sentence(errors, program));
            }
            ABLE.add(program);
        } catch (IOException e) {
            throw Failure.NO_NATIVE_PROGRAM.exception(
                    "The native program cannot be run: " + e.getMessage() + ". Install Snapback again.", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.CANCELLED.exception("The check of this machine was interrupted.", e);
        } finally {
            if (check != null) {
                check.destroyForcibly();
            }
        }
    }

    private static String sentence(String errors, Path program) {
        return firstError(errors).orElse("This machine cannot run sessions under checkpoint control. Run \"" + program
                + " check\" in a terminal to see what is missing.");
    }

    /** The first error that the native program tells of in its output, as a sentence. */
    public static Optional<String> firstError(String output) {
        return output.lines()
                .filter(line -> line.startsWith(ERROR_PREFIX))
                .map(line -> Sentence.of(line.substring(ERROR_PREFIX.length())))
                .findFirst();
    }
}
