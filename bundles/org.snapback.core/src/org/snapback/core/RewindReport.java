// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.time.Duration;
import java.util.List;

/**
 * What a rewind did.
 *
 * @param snapshot where the session now stands
 * @param rebuilt the process was gone, or could not be mended, and was made anew from its template
 * @param notes what the user should know, a sentence each
 */
public record RewindReport(
        long snapshot,
        Duration duration,
        long pagesCopied,
        long pagesDropped,
        int threadsMade,
        int threadsEnded,
        int mappingsChanged,
        int descriptorsChanged,
        boolean rebuilt,
        List<String> notes) {

    public RewindReport {
        notes = List.copyOf(notes);
    }
}
