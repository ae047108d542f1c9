// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.jdt.annotation.Nullable;
import org.snapback.core.Failure;
import org.snapback.core.image.ImageDifference;

/** Lets the native program find the pages in which two images differ: it unpacks them, and follows what they build on. */
public final class PageDifferences {

    private static final long LOOK_EVERY_MS = 50;

    /** Exit values, as those of diff(1). */
    private static final int SAME = 0;

    private static final int DIFFERENT = 1;

    /** What it prints grows with the number of ranges only; more than this is not for people. */
    private static final long OUTPUT_MAX = 32 << 20;

    /** One entry of its JSON; a string holds no quotation mark that is not behind a backslash. */
    private static final Pattern PAGES = Pattern.compile(
            "\"kind\": \"pages\", \"what\": \"((?:[^\"\\\\]|\\\\.)*+)\", \"start\": (\\d+), \"end\": (\\d+)");

    private PageDifferences() {}

    /**
     * Reads both images whole; blocks as long as a disk does.
     *
     * @throws CoreException with IMAGE, as the native program says why
     */
    public static List<ImageDifference> of(Path left, Path right, IProgressMonitor monitor) throws CoreException {
        Path output = null;
        Path errors = null;
        try {
            output = Files.createTempFile("snapback-diff", ".json");
            errors = Files.createTempFile("snapback-diff", ".txt");
            Process diff = new ProcessBuilder(
                            NativeProgram.locate().toString(), "diff", "--json", left.toString(), right.toString())
                    .redirectOutput(output.toFile())
                    .redirectError(errors.toFile())
                    .start();
            int exit = await(diff, monitor);
            if (exit != SAME && exit != DIFFERENT || Files.size(output) > OUTPUT_MAX) {
                throw Failure.IMAGE.exception(Preflight.firstError(Files.readString(errors))
                        .orElse("The memory of the two snapshots cannot be compared; try \"snapback diff\"."));
            }
            return parse(Files.readString(output, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Failure.IMAGE.exception("The snapshots cannot be compared: " + e.getMessage() + ".", e);
        } finally {
            delete(output);
            delete(errors);
        }
    }

    private static int await(Process diff, IProgressMonitor monitor) {
        try {
            while (!diff.waitFor(LOOK_EVERY_MS, TimeUnit.MILLISECONDS)) {
                if (monitor.isCanceled()) {
                    throw new OperationCanceledException();
                }
            }
            return diff.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new OperationCanceledException();
        } finally {
            diff.destroyForcibly();
        }
    }

    private static void delete(@Nullable Path file) throws CoreException {
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw Failure.IMAGE.exception("The file " + file + " cannot be removed: " + e.getMessage() + ".", e);
        }
    }

    /** @param json as {@code snapback diff --json} prints it */
    public static List<ImageDifference> parse(String json) {
        List<ImageDifference> differences = new ArrayList<>();
        Matcher entry = PAGES.matcher(json);
        while (entry.find()) {
            differences.add(difference(
                    unescaped(entry.group(1)),
                    Long.parseUnsignedLong(entry.group(2)),
                    Long.parseUnsignedLong(entry.group(3))));
        }
        return differences;
    }

    private static ImageDifference difference(String what, long start, long end) {
        long kibibytes = Long.divideUnsigned(end - start, 1024);
        String range = "0x" + Long.toHexString(start) + "-0x" + Long.toHexString(end);
        String where = what.isEmpty() ? "private memory" : what;
        return new ImageDifference(ImageDifference.Kind.PAGES, range, kibibytes + " KiB of " + where, "other bytes");
    }

    private static String unescaped(String text) {
        return text.replace("\\\"", "\"").replace("\\\\", "\\");
    }
}
