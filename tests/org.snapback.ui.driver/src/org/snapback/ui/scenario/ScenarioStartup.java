// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.scenario;

import org.eclipse.ui.IStartup;
import org.eclipse.ui.PlatformUI;

/** Runs the scenario when the workbench is up, if the system property snapback.scenario names a folder for it. */
public final class ScenarioStartup implements IStartup {

    @Override
    public void earlyStartup() {
        String folder = System.getProperty("snapback.scenario");
        if (folder != null) {
            PlatformUI.getWorkbench().getDisplay().asyncExec(new Scenario(folder)::run);
        }
    }
}
